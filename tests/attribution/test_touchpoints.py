"""Journeys cut from touchpoints equal those of a plain loop over each person's events."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.attribution.model.journey import Journeys
from tandem.attribution.model.touchpoints import CONVERSION, Touchpoints, cut

VALUES, SINCE, WINDOW = 3, 10, 6
Event = tuple[int, int, int]  # person, moment, value; -1: a conversion
Way = tuple[int, ...]

events = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 20), st.integers(-1, VALUES - 1)), max_size=30, unique=True
)


def told(some: list[Event]) -> Touchpoints:
    person, moment, value = (
        (np.array(c, np.int64) for c in zip(*some, strict=True)) if some else (np.zeros(0, int),) * 3
    )
    is_won = value < 0
    return Touchpoints(
        person,
        moment,
        np.where(is_won, CONVERSION, value),
        np.ones(len(some), bool),
        value == 0,
        is_won.astype(float),
        7.0 * is_won * moment,
    )


def ways(journeys: Journeys) -> list[Way]:
    return [tuple(way.tolist()) for way in np.split(journeys.value, journeys.starts)[1:]]


def by_loop(some: list[Event]) -> tuple[list[tuple[Way, bool, float]], list[Way], list[Way], int]:
    """Won journeys with "is it the person's first" and their money, tails, whole ways, and lone conversions."""
    won: list[tuple[Way, bool, float]] = []
    tails: list[Way] = []
    whole: list[Way] = []
    lone = 0
    for who in sorted({p for p, _, _ in some}):
        mine = sorted((m, v if v >= 0 else VALUES, v) for p, m, v in some if p == who)
        run: list[tuple[int, int]] = []
        is_over = False
        count = 0
        for moment, _, value in mine:
            if value < 0:
                is_over, count = True, count + 1
                way = tuple(v for m, v in run if m >= moment - WINDOW)
                if moment >= SINCE and way:
                    won.append((way, count == 1, 7.0 * moment))
                lone += moment >= SINCE and not way
            else:
                run = [] if is_over else run
                is_over = False
                run.append((moment, value))
        if run and not is_over and run[-1][0] >= SINCE:
            tails.append(tuple(v for m, v in run if m >= run[-1][0] - WINDOW))
        touches = [(m, v) for m, _, v in mine if v >= 0]
        if touches and touches[-1][0] >= SINCE:
            whole.append(tuple(v for m, v in touches if m >= touches[-1][0] - WINDOW))
    return won, tails, whole, lone


@given(events)
@settings(max_examples=300, deadline=None)
def test_journeys_equal_those_of_a_plain_loop(some: list[Event]) -> None:
    got = cut(told(some), VALUES, SINCE, WINDOW)
    won, tails, whole, lone = by_loop(some)
    journeys = zip(ways(got.won), got.won.is_first.tolist(), got.won.worth.tolist(), strict=True)
    assert sorted(journeys) == sorted(won)
    assert sorted(ways(got.tails)) == sorted(tails)
    assert sorted(ways(got.whole)) == sorted(whole)
    assert got.lone[0] == lone
    assert got.won.worth.sum() + got.lone[1] == sum(7.0 * m for _, m, v in some if v < 0 and m >= SINCE)
