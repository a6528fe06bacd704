"""Deals as CRM systems tell of them."""
