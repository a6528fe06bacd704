"""The models by name; their definitions in words stand in templates/_words.html."""

MODELS = ("first", "last", "last_non_direct", "linear", "time_decay", "position", "markov", "shapley")
RULES_VERSION = 4
"""Grows when a definition gives other figures than before, so that a kept report says by which rules it was made.

2: a deal that no visit explains goes to what its own UTM fields or click id tell.
3: a call to a number that stands for a source (a billboard's) goes to that source.
4: an order counts also where a shop's server told it without a page view.
"""
