"""Exchanges and call-tracking services, one file each: whether to believe a delivery, and what it says of calls."""
