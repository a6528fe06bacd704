"""Leads and deals: connectors, stages, revenue."""
