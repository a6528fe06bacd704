"""Conversions shared out one by one, so that the credit of any days is a sum of rows."""

from typing import NamedTuple

import numpy as np

from tandem.attribution.model.journey import Floats, Ints, Journeys, pairs_of, shapley, sums
from tandem.attribution.model.touchpoints import Alone


class SharedOut(NamedTuple):
    """A conversion and a value of its journey a place; NOBODY for a conversion without a touch in its window.

    ended                 the moment of the conversion, in milliseconds
    credit, worth         the value's part of the conversion, and of what it brought
    squares, worth_squares   what the ranges of sums of these rest on (Fay and Feuer 1997)
    whole_worth           what the whole conversion brought
    """

    ended: Ints
    value: Ints
    credit: Floats
    squares: Floats
    worth: Floats
    worth_squares: Floats
    whole_worth: Floats


NOBODY = -1


def shared_out(journeys: Journeys, alone: Alone) -> SharedOut:
    """Each conversion split equally among the different values of its journey, which is their Shapley value."""
    pairs = pairs_of(journeys)
    share = np.append(sums(pairs.place, shapley(journeys), len(pairs.of)), np.ones(len(alone.ended)))
    weight = np.append(journeys.weight[pairs.of], alone.weight)
    worth = np.append(journeys.worth[pairs.of], alone.worth)
    return SharedOut(
        ended=np.append(journeys.ended[pairs.of], alone.ended).astype(np.int64),
        value=np.append(pairs.value, np.full(len(alone.ended), NOBODY)).astype(np.int64),
        credit=weight * share,
        squares=weight * share**2,
        worth=worth * share,
        worth_squares=(worth * share) ** 2,
        whole_worth=worth,
    )
