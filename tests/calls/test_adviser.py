"""The adviser: its answers against plain loops, against each other, and at the edges."""

import numpy as np
import pytest

from tandem.calls.model.adviser import (
    ASSUMED_A_DAY,
    ERRORS,
    LEAST_VISITS,
    MOST_VISITS,
    Advice,
    Past,
    advised,
    hours_of_overflow,
)
from tandem.calls.model.delay import Delay
from tandem.calls.model.pool import invented

RNG = np.random.default_rng(11)


def past_of(a_day: float, days: int, paid: float = 0.4) -> Past:
    traffic = invented(a_day, days, np.random.default_rng(5))
    size = traffic.start.size
    return Past(start=traffic.start, end=traffic.end, is_paid=np.random.default_rng(6).random(size) < paid,
                is_overflow=np.zeros(size, np.bool_))  # fmt: skip


NOTHING = Past(start=np.empty(0), end=np.empty(0), is_paid=np.empty(0, np.bool_), is_overflow=np.empty(0, np.bool_))


@pytest.fixture(scope="module")
def advice() -> Advice:
    return advised(past_of(900, 14), 12, Delay())


def error(advice: Advice, name: str) -> float:
    return next(m.error for m in advice.methods if m.name == name)


def test_fewer_errors_take_more_numbers(advice: Advice) -> None:
    sizes = [need.all for need in advice.needs]
    assert [need.error for need in advice.needs] == list(ERRORS)
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > sizes[-1] > 1


def test_every_trick_takes_fewer_numbers_and_both_the_fewest(advice: Advice) -> None:
    for need in advice.needs:
        assert need.paid is not None and need.reveal is not None and need.both is not None
        assert need.both <= min(need.paid, need.reveal) and max(need.paid, need.reveal) < need.all


def test_the_rule_and_the_simulation_agree(advice: Advice) -> None:
    assert advice.by_rule == pytest.approx(error(advice, "last"), abs=0.03)
    for need in advice.needs[:2]:
        there = advised(past_of(900, 14), need.all, Delay())
        assert error(there, "last") <= need.error + 0.02


def test_weighing_beats_the_last_visit_and_that_beats_chance(advice: Advice) -> None:
    assert error(advice, "certain") <= error(advice, "last") + 0.005
    assert error(advice, "last") < error(advice, "random")


def test_erlang_is_the_busiest_hours_numbers_and_says_nothing_of_error() -> None:
    past = past_of(900, 14)
    advice = advised(past, 12, Delay())
    first = past.start[0] // 86_400
    by_hour = [0.0] * 24
    for start, end in zip(past.start.tolist(), past.end.tolist(), strict=True):
        by_hour[int(start % 86_400 // 3600)] += max(end - start, 1.0) + 150
    assert first == 0 and advice.erlangs == pytest.approx(max(by_hour) / 3600 / 14, rel=0.001)
    assert error(advice, "erlang") > 0.10


def test_too_few_visits_are_said_and_replaced_by_invented_ones() -> None:
    for past in (NOTHING, past_of(20, 3)):
        assert past.start.size < LEAST_VISITS
        advice = advised(past, 5, Delay())
        assert not advice.is_own and advice.paid_share is None and advice.needs[0].paid is None
        assert advice.a_day == pytest.approx(ASSUMED_A_DAY, rel=0.1)


def test_a_pool_without_numbers_is_told_what_it_needs() -> None:
    advice = advised(past_of(300, 14), 0, Delay())
    assert advice.by_rule is None and [m.name for m in advice.methods] == ["erlang"]
    assert advice.needs[0].all > 1


def test_what_a_pool_does_already_is_not_offered_again() -> None:
    advice = advised(past_of(300, 14), 4, Delay(), is_for_all=False, is_at_once=False)
    assert all(need.paid is need.reveal is need.both is None for need in advice.needs)


def test_only_the_latest_visits_count() -> None:
    past = past_of(4000, 7)
    assert past.start.size > MOST_VISITS
    assert advised(past, 30, Delay()).visits == MOST_VISITS


def test_the_same_past_gives_the_same_advice(advice: Advice) -> None:
    assert advised(past_of(900, 14), 12, Delay()) == advice


def test_those_who_all_call_at_once_need_no_more_numbers_than_are_busy() -> None:
    start = np.arange(0, 50_000, 100, dtype=np.float64)
    past = Past(
        start=start,
        end=np.asarray(start + 50, np.float64),
        is_paid=np.ones(500, np.bool_),
        is_overflow=np.zeros(500, np.bool_),
    )
    during = Delay(during=1.0, soon=0.0)
    advice = advised(past, 1, during)
    assert advice.needs[0].all == 1 and advice.by_rule == 0
    assert error(advice, "last") == error(advice, "certain") == 0


def test_hours_of_overflow_are_counted_as_by_hand() -> None:
    hours = RNG.integers(0, 24, 500).tolist()
    lost = [bool(h in (9, 17) and n % 3 == 0) for n, h in enumerate(hours)]
    wanted = []
    for hour in (9, 17):
        mine = [is_lost for h, is_lost in zip(hours, lost, strict=True) if h == hour]
        wanted.append((hour, len(mine), sum(mine)))
    assert hours_of_overflow(hours, lost) == wanted
    assert hours_of_overflow([], []) == []
