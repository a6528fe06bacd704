"""Paid media: what ads cost, from exports and interfaces of ad systems."""
