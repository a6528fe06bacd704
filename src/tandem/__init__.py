"""Tandem: one set of data, one catalogue of metrics and one change log, for marketing and engineering."""

import gc

__version__ = "0.3.6"

# A request makes a thousand objects that end with it and hardly a circle: the usual 700 have a fifth of the time spent
# on looking for circles.
gc.set_threshold(50_000, 20, 20)
