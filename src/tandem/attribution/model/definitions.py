"""The models by name; their definitions in words stand in templates/_words.html."""

MODELS = ("first", "last", "last_non_direct", "linear", "time_decay", "position", "markov", "shapley")
RULES_VERSION = 1
"""Grows when a definition gives other figures than before, so that a kept report says by which rules it was made."""
