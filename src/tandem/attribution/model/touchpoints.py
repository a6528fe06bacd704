"""Stories: all that people did who converted, and the journeys that are cut from it."""

from typing import NamedTuple

import numpy as np

from tandem.attribution.model.journey import Flags, Floats, Ints, Journeys

CONVERSION = np.iinfo(np.int64).max
"""Stands for a value where an event is no touch; the largest, so that at one moment touches come first."""


class Touchpoints(NamedTuple):
    """Touches and conversions of many people, in any order; `moment` is in milliseconds.

    value          the value of a touch, from 0, or CONVERSION
    is_seen        whether the event is in the record of visits; not so a touch of which only its conversion tells
    weight, worth  how many conversions an event stands for, and the money that it brought; 0 for a touch
    """

    person: Ints
    moment: Ints
    value: Ints
    is_seen: Flags
    is_direct: Flags
    weight: Floats
    worth: Floats


class Alone(NamedTuple):
    """Conversions without a touch in their window: when each was (in milliseconds), how many it is, what it brought."""

    ended: Ints
    weight: Floats
    worth: Floats


class Cut(NamedTuple):
    """What touchpoints come to.

    won    the touches of each conversion: those since the conversion before it that had touches
    tails  the touches after a person's last conversion
    whole  the touches of each person that were seen, as if there had been no conversion
    """

    won: Journeys
    tails: Journeys
    whole: Journeys
    alone: Alone

    @property
    def lone(self) -> tuple[float, float]:
        """Conversions and money without a touch in their window."""
        return float(self.alone.weight.sum()), float(self.alone.worth.sum())


def cut(touchpoints: Touchpoints, values: int, since: int, window: int) -> Cut:
    """The journeys that end at `since` or later; none holds a touch that lies further back from its end than `window`.

    values         how many values the split has
    since, window  in milliseconds
    """
    touchpoints = _in_turn(touchpoints)
    places = np.arange(len(touchpoints.person))
    is_touch = touchpoints.value != CONVERSION
    is_new = _changes(touchpoints.person)
    is_last = np.append(is_new[1:], True)[: len(places)]
    born = _latest(is_new, places)
    touched = _latest(is_touch, places)  # the touch at or before each event; of another person, if before `born`
    # A run are touches without a conversion between them.
    run = _latest(is_touch & (is_new | ~np.append(False, is_touch[:-1])[: len(places)]), places)
    is_due = touchpoints.moment >= since
    ends = np.flatnonzero(~is_touch & is_due)
    has_way = touched[ends] >= born[ends]
    begins = np.where(has_way, run[touched[ends]], ends)
    won, is_empty = _journeys(touchpoints, values, begins, ends, window, born, is_touch)
    lone = ends[is_empty]
    ends = np.flatnonzero(is_last & is_touch & is_due)
    tails, _ = _journeys(touchpoints, values, run[ends], ends, window, born, is_touch)
    is_seen = is_touch & touchpoints.is_seen
    ends = _latest(is_seen, places)[is_last]
    ends = ends[(ends >= born[is_last]) & is_due[ends]]
    whole, _ = _journeys(touchpoints, values, born[ends], ends, window, born, is_seen)
    alone = Alone(touchpoints.moment[lone], touchpoints.weight[lone], touchpoints.worth[lone])
    return Cut(won, tails, whole, alone)


def _in_turn(touchpoints: Touchpoints) -> Touchpoints:
    order = np.lexsort((touchpoints.value, touchpoints.moment, touchpoints.person))
    return Touchpoints._make(column[order] for column in touchpoints)


def _changes(keys: Ints) -> Flags:
    return np.append(True, keys[1:] != keys[:-1])[: len(keys)]


def _latest(is_met: Flags, places: Ints) -> Ints:
    """For each place the latest one, up to itself, where something is met; -1 before the first."""
    return np.asarray(np.maximum.accumulate(np.where(is_met, places, -1)))


def _journeys(
    touchpoints: Touchpoints, values: int, begins: Ints, ends: Ints, window: int, born: Ints, is_part: Flags
) -> tuple[Journeys, Flags]:
    """What `is_part` from `begins` to `ends` and lies in the window before the end, and for which ends that is none."""
    lengths = ends - begins + 1
    of = np.repeat(np.arange(len(ends)), lengths)
    at = np.arange(len(of)) - np.repeat(np.cumsum(lengths) - lengths - begins, lengths)
    age = touchpoints.moment[ends][of] - touchpoints.moment[at]
    is_kept = is_part[at] & (age <= window)
    of, at, age = of[is_kept], at[is_kept], age[is_kept]
    counts = np.bincount(of, minlength=len(ends))
    some = ends[counts > 0]
    passed = np.cumsum(touchpoints.value == CONVERSION)
    is_first = passed[some] - passed[born[some]] + (touchpoints.value[born[some]] == CONVERSION) == 1
    cut = Journeys(
        values=values,
        value=touchpoints.value[at],
        is_direct=touchpoints.is_direct[at],
        age_s=(age // 1000).astype(np.float64),
        starts=np.flatnonzero(_changes(of)),
        ended=touchpoints.moment[some],
        weight=touchpoints.weight[some],
        worth=touchpoints.worth[some],
        is_first=is_first,
    )
    return cut, counts == 0
