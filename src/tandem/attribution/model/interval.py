"""How sure a credit is: few conversions could as well have been some more or less."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CERTAINTY = 0.95


def interval(credit: Floats, sum_of_squares: Floats, certainty: float = CERTAINTY) -> tuple[Floats, Floats]:
    """The range in which a credit would lie if chance alone dealt the same journeys again.

    credit           sums of shares, each share the part (0 to 1) of one conversion
    sum_of_squares   sums of the squares of the same shares
    returns          low and high, in conversions
    source           Fay and Feuer 1997: weighted sums of Poisson counts by their gamma distribution. For whole
                     conversions it is the exact Poisson interval (Garwood 1936); with none at all it is 0 to 3.7
    """
    from scipy.special import gammaincinv  # a quarter of a second that only credits need

    tail = (1.0 - certainty) / 2.0
    has_some = credit > 0
    sums = np.where(has_some, credit, 1.0)
    spread = np.where(has_some, sum_of_squares, 1.0)
    low = np.where(has_some, spread / sums * gammaincinv(sums**2 / spread, tail), 0.0)
    above, wider = np.where(has_some, credit, 0.0) + 1.0, np.where(has_some, sum_of_squares, 0.0) + 1.0
    return low, wider / above * gammaincinv(above**2 / wider, 1.0 - tail)


def like(credit: Floats, certain: Floats, sum_of_squares: Floats) -> Floats:
    """The squares of a credit that is no sum of shares (Markov's): as sure, relatively, as the known one.

    The removal effect of a channel rests on the conversions that passed it, and these are what an equal split counts.
    Held against resampling of the journeys in tests/attribution/test_interval.py.
    """
    relative = np.where(certain > 0, sum_of_squares / np.where(certain > 0, certain, 1.0) ** 2, 0.0)
    return np.where(certain > 0, credit**2 * relative, credit)
