"""Journeys: the visits before each conversion, and how models that look at one journey at a time share it out."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
HALF_LIFE_DAYS = 7.0
DAY_S = 86_400


class Journeys(NamedTuple):
    """Many journeys, each with at least one touch, one after the other in flat arrays.

    values    how many values the split has; `value`, `is_direct` and `age_s` (seconds before the conversion) are by
              touch, the oldest first
    starts    where each journey begins; `ended` (the moment of the conversion, in milliseconds), `weight`
              (conversions), `worth` (money) and `is_first` (the person's first conversion) are by journey
    """

    values: int
    value: Ints
    is_direct: Flags
    age_s: Floats
    starts: Ints
    ended: Ints
    weight: Floats
    worth: Floats
    is_first: Flags

    @property
    def lengths(self) -> Ints:
        return np.diff(np.append(self.starts, len(self.value)))

    @property
    def of(self) -> Ints:
        """The journey of each touch."""
        return np.repeat(np.arange(len(self.starts)), self.lengths)

    @property
    def place(self) -> Ints:
        """The place of each touch in its journey, from 0."""
        return np.arange(len(self.value)) - np.repeat(self.starts, self.lengths)

    @property
    def days(self) -> Floats:
        """Days from the first touch to the conversion, by journey."""
        return self.age_s[self.starts] / DAY_S

    def among(self, used: Ints) -> "Journeys":
        """The same journeys where `used`, sorted, are all values that occur: they become 0, 1, 2 …"""
        return self._replace(values=len(used), value=np.searchsorted(used, self.value))


class ValueCredit(NamedTuple):
    """What each value of the split gets: conversions, the squares of its shares (for its range), and money."""

    conversions: Floats
    sum_of_squares: Floats
    worth: Floats


# ── shares: for each touch, the part of its conversion that it gets; they sum to 1 in every journey ──


def first(journeys: Journeys) -> Floats:
    """All to the first touch."""
    return np.asarray(journeys.place == 0, dtype=np.float64)


def last(journeys: Journeys) -> Floats:
    """All to the last touch."""
    return np.asarray(journeys.place == journeys.lengths[journeys.of] - 1, dtype=np.float64)


def last_non_direct(journeys: Journeys) -> Floats:
    """All to the last touch that was not a direct visit; to the last touch where all were direct."""
    places = np.arange(len(journeys.value))
    # The last place in each journey that is not direct; -1 where all are, and then the last touch takes it.
    chosen = np.maximum.reduceat(np.where(journeys.is_direct, -1, places), journeys.starts) if len(places) else places
    ends = journeys.starts + journeys.lengths - 1
    shares = np.zeros(len(places))
    shares[np.where(chosen >= 0, chosen, ends)] = 1.0
    return shares


def linear(journeys: Journeys) -> Floats:
    """The same to every touch."""
    return np.asarray(1.0 / journeys.lengths[journeys.of])


def time_decay(journeys: Journeys, half_life_days: float = HALF_LIFE_DAYS) -> Floats:
    """Half as much to a touch for every half-life that it lies further back."""
    ages = journeys.age_s - np.repeat(journeys.age_s[journeys.starts + journeys.lengths - 1], journeys.lengths)
    weights = 0.5 ** (ages / (half_life_days * DAY_S))
    return _shared(journeys, weights)


def position(journeys: Journeys) -> Floats:
    """40% to the first touch, 40% to the last, 20% over those between; halves where there are two."""
    lengths = journeys.lengths[journeys.of]
    is_edge = (journeys.place == 0) | (journeys.place == lengths - 1)
    between = np.where(lengths > 2, 0.2 / np.maximum(lengths - 2, 1), 0.0)
    return _shared(journeys, np.where(is_edge, 0.4, between))


def shapley(journeys: Journeys) -> Floats:
    """The same to every distinct value, at its first touch.

    This is the Shapley value for "conversions of journeys that lie wholly inside a coalition": a journey belongs to
    every coalition that holds its set of values, so its values are interchangeable and all others add nothing.

    source   Shapley 1953; checked against all coalitions in tests/attribution/test_journey.py
    """
    weights = np.zeros(len(journeys.value))
    weights[pairs_of(journeys).seen] = 1.0
    return _shared(journeys, weights)


def _shared(journeys: Journeys, weights: Floats) -> Floats:
    return np.asarray(weights / sums(journeys.of, weights, len(journeys.starts))[journeys.of])


SHARES: dict[str, Callable[[Journeys], Floats]] = {
    "first": first,
    "last": last,
    "last_non_direct": last_non_direct,
    "linear": linear,
    "time_decay": time_decay,
    "position": position,
    "shapley": shapley,
}
"""The models that look at one journey at a time, by id."""


class Pairs(NamedTuple):
    """Each journey with each of its values once; `place` is the pair of each touch, `seen` each pair's first touch."""

    of: Ints
    value: Ints
    place: Ints
    seen: Ints


def pairs_of(journeys: Journeys) -> Pairs:
    keys, seen, place = np.unique(
        journeys.of * journeys.values + journeys.value, return_index=True, return_inverse=True
    )
    width = max(journeys.values, 1)
    return Pairs(keys // width, keys % width, place, seen)


def credit_of(journeys: Journeys, pairs: Pairs, shares: Floats) -> ValueCredit:
    """Shares summed over all journeys. The conversions sum to all conversions, the money to all money."""
    share = sums(pairs.place, shares, len(pairs.of))
    weight = journeys.weight[pairs.of]
    return ValueCredit(
        sums(pairs.value, weight * share, journeys.values),
        sums(pairs.value, weight * share**2, journeys.values),
        sums(pairs.value, journeys.worth[pairs.of] * share, journeys.values),
    )


def payback_days(journeys: Journeys, shares: Floats, worth: Floats, cost: Floats) -> Floats:
    """Days from a person's first visit after which what journeys brought a value covers its cost; nan: they never do.

    worth, cost   of each value; the money of journeys is scaled to `worth`, as a chain credits other sums than shares
    """
    income = shares * journeys.worth[journeys.of]
    days = journeys.days[journeys.of]
    order = np.lexsort((days, journeys.value))
    value, days, income = journeys.value[order], days[order], income[order]
    total = sums(value, income, journeys.values)
    income *= np.divide(worth, total, out=np.zeros_like(total), where=total > 0)[value]
    so_far = np.append(0.0, np.cumsum(income))
    earlier = so_far[np.searchsorted(value, np.arange(journeys.values))]
    is_covered = (so_far[1:] - earlier[value] >= cost[value] - 1e-6) & (cost[value] > 0)
    days_until = np.full(journeys.values, np.nan)
    covered, first = np.unique(value[is_covered], return_index=True)
    days_until[covered] = days[is_covered][first]
    return days_until


def sums(keys: Ints, weights: Floats, size: int) -> Floats:
    """The weights summed by key, for keys from 0 up to `size`."""
    return np.bincount(keys, weights, size).astype(np.float64)


def present(journeys: Journeys) -> Floats:
    """Conversions that each value was part of, anywhere in the journey."""
    pairs = pairs_of(journeys)
    return sums(pairs.value, journeys.weight[pairs.of], journeys.values)


def frequent(journeys: Journeys, most: int) -> list[tuple[tuple[int, ...], float, float]]:
    """The most frequent ways, repeats of a value drawn together: values in order, conversions, money."""
    ways: dict[tuple[int, ...], list[float]] = {}
    ends = journeys.starts + journeys.lengths
    values = journeys.value.tolist()
    facts = zip(journeys.starts.tolist(), ends.tolist(), journeys.weight.tolist(), journeys.worth.tolist(), strict=True)
    for start, end, weight, worth in facts:
        counts = ways.setdefault(_drawn_together(values[start:end]), [0.0, 0.0])
        counts[0] += weight
        counts[1] += worth
    ranked = sorted(ways.items(), key=lambda way: (-way[1][0], way[0]))
    return [(way, count, worth) for way, (count, worth) in ranked[:most]]


def _drawn_together(values: list[int]) -> tuple[int, ...]:
    return tuple(v for i, v in enumerate(values) if i == 0 or v != values[i - 1])


def weighted_median(values: Floats, weights: Floats) -> float:
    """The value below which half of the weight lies.

    raises   ValueError without values
    """
    if not len(values):
        raise ValueError("there is no median of nothing")
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(passed, passed[-1] / 2)])
