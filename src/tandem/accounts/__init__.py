"""Workspaces, people of both sides, roles, sites and API tokens."""
