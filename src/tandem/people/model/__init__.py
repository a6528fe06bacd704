"""Identifiers, links between them, and the rule that makes persons of them."""
