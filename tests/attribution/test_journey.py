"""Models that look at one journey at a time: against plain loops, and by their laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.attribution.model.journey import (
    SHARES,
    Journeys,
    credit_of,
    frequent,
    pairs_of,
    payback_days,
    present,
    weighted_median,
)
from tandem.attribution.model.shared_out import NOBODY, shared_out
from tandem.attribution.model.touchpoints import Alone
from tests.attribution import naive

VALUES = 5
DAY = 86_400
Told = tuple[list[naive.Touch], int, float]
touch = st.tuples(st.integers(0, VALUES - 1), st.integers(0, 60 * DAY), st.booleans())
journey = st.tuples(st.lists(touch, min_size=1, max_size=8), st.integers(1, 4), st.integers(-5, 500))
journeys = st.lists(journey, min_size=1, max_size=12)


def told(given: list[tuple[list[tuple[int, int, bool]], int, int]]) -> list[Told]:
    """Journeys with their touches from the oldest to the newest."""
    return [
        ([naive.Touch(v, float(a), d) for v, a, d in sorted(touches, key=lambda t: -t[1])], weight, float(worth))
        for touches, weight, worth in given
    ]


def packed(touchpoints: list[Told]) -> Journeys:
    touches = [t for story, _, _ in touchpoints for t in story]
    lengths = [len(story) for story, _, _ in touchpoints]
    return Journeys(
        VALUES,
        np.array([t.value for t in touches]),
        np.array([t.is_direct for t in touches]),
        np.array([t.age_s for t in touches]),
        np.cumsum([0, *lengths])[:-1],
        np.arange(len(lengths)),
        np.array([w for _, w, _ in touchpoints], dtype=float),
        np.array([m for _, _, m in touchpoints]),
        np.ones(len(touchpoints), dtype=bool),
    )


@pytest.mark.parametrize("model", SHARES)
@given(journeys)
@settings(max_examples=60, deadline=None)
def test_a_model_equals_plain_loops_and_gives_away_all_there_is(model: str, given: list) -> None:  # type: ignore[type-arg]
    touchpoints = told(given)
    conversions, sum_of_squares, worth = [0.0] * VALUES, [0.0] * VALUES, [0.0] * VALUES
    for touches, weight, money in touchpoints:
        mine = [0.0] * VALUES
        for t, share in zip(touches, naive.shares(model, touches), strict=True):
            mine[t.value] += share
        for v in range(VALUES):
            conversions[v] += weight * mine[v]
            sum_of_squares[v] += weight * mine[v] ** 2
            worth[v] += money * mine[v]
    found = credit_of(packed(touchpoints), pairs_of(packed(touchpoints)), SHARES[model](packed(touchpoints)))
    assert found.conversions == pytest.approx(conversions, abs=1e-9)
    assert found.sum_of_squares == pytest.approx(sum_of_squares, abs=1e-9)
    assert found.worth == pytest.approx(worth, abs=1e-7)
    assert found.conversions.sum() == pytest.approx(sum(w for _, w, _ in touchpoints))
    assert found.worth.sum() == pytest.approx(sum(m for _, _, m in touchpoints), abs=1e-7)
    assert (found.conversions >= 0).all()


@given(journeys)
@settings(max_examples=25, deadline=None)
def test_the_shapley_value_equals_its_definition_over_all_coalitions(given: list) -> None:  # type: ignore[type-arg]
    touchpoints = told(given)
    paths = [(tuple(t.value for t in touches), float(weight), 0.0) for touches, weight, _ in touchpoints]
    found = credit_of(packed(touchpoints), pairs_of(packed(touchpoints)), SHARES["shapley"](packed(touchpoints)))
    assert found.conversions == pytest.approx(naive.shapley_by_coalitions(paths, VALUES), abs=1e-9)


@given(journeys)
@settings(max_examples=40, deadline=None)
def test_a_value_is_present_once_in_each_journey_that_holds_it(given: list) -> None:  # type: ignore[type-arg]
    touchpoints = told(given)
    expected = [sum(w for touches, w, _ in touchpoints if any(t.value == v for t in touches)) for v in range(VALUES)]
    assert present(packed(touchpoints)).tolist() == expected


def test_a_half_life_is_seven_days() -> None:
    story = [naive.Touch(0, 7.0 * DAY, False), naive.Touch(1, 0.0, False)]
    journeys = packed([(story, 3, 0.0)])
    found = credit_of(journeys, pairs_of(journeys), SHARES["time_decay"](journeys))
    assert found.conversions[:2] == pytest.approx([1.0, 2.0])


def test_frequent_ways_draw_repeats_together() -> None:
    def story(*values: int) -> list[naive.Touch]:
        return [naive.Touch(v, 0.0, False) for v in values]

    found = frequent(packed([(story(1, 1, 2), 1, 10.0), (story(1, 2, 2), 2, 5.0), (story(2), 1, 1.0)]), 5)
    assert found == [((1, 2), 3.0, 15.0), ((2,), 1.0, 1.0)]


def test_a_median_is_weighted() -> None:
    assert weighted_median(np.array([5.0, 1.0, 9.0]), np.array([1.0, 1.0, 10.0])) == 9.0
    assert weighted_median(np.array([5.0, 1.0, 9.0]), np.array([1.0, 1.0, 1.0])) == 5.0


journeys_with_costs = st.lists(
    st.tuples(st.lists(st.integers(0, VALUES - 1), min_size=1, max_size=5), st.integers(0, 40), st.integers(0, 100)),
    min_size=1, max_size=12,
)  # fmt: skip


@given(
    journeys_with_costs,
    st.lists(st.integers(0, 150), min_size=VALUES, max_size=VALUES),
    st.sampled_from(sorted(SHARES)),
)
@settings(max_examples=80, deadline=None)
def test_payback_is_that_of_plain_loops(told: list[tuple[list[int], int, int]], costs: list[int], model: str) -> None:
    touchpoints = [
        (
            [naive.Touch(v, (days - i * days / len(values)) * 86_400, False) for i, v in enumerate(values)],
            1,
            float(money),
        )
        for values, days, money in told
    ]
    journeys = packed(touchpoints)
    shares = SHARES[model](journeys)
    worth = credit_of(journeys, pairs_of(journeys), shares).worth
    found = payback_days(journeys, shares, worth, np.array(costs, float))
    for value, cost in enumerate(costs):
        incomes = sorted(
            (touches[0].age_s / 86_400, money * share)
            for touches, _, money in touchpoints
            for touch, share in zip(touches, naive.shares(model, touches), strict=True)
            if touch.value == value
        )
        reached = [d for i, (d, _) in enumerate(incomes) if sum(m for _, m in incomes[: i + 1]) >= cost - 1e-6]
        if cost and reached:
            assert found[value] == pytest.approx(reached[0])
        else:
            assert np.isnan(found[value])


def test_a_conversion_shared_out_tells_what_the_ranges_of_its_sums_rest_on() -> None:
    """Fay and Feuer: the range of a sum of money rests on the squares of its addends, not on the sum itself."""
    ways = packed([([naive.Touch(v, 0.0, False) for v in (0, 1)], 1, 30.0)])
    rows = shared_out(ways, Alone(ended=np.array([5]), weight=np.array([1.0]), worth=np.array([7.0])))
    assert rows.value.tolist() == [0, 1, NOBODY]
    assert (rows.credit.tolist(), rows.squares.tolist()) == ([0.5, 0.5, 1.0], [0.25, 0.25, 1.0])
    assert (rows.worth.tolist(), rows.worth_squares.tolist()) == ([15.0, 15.0, 7.0], [225.0, 225.0, 49.0])
    assert rows.whole_worth.tolist() == [30.0, 30.0, 7.0]
