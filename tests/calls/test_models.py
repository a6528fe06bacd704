"""Numbers and certainty: the delay, the posterior, and pools judged by simulation."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.calls.model.delay import Delay, fitted
from tandem.calls.model.pool import (
    Traffic,
    at_random,
    erlang_b,
    error_of,
    invented,
    issued_before_call,
    judged,
    last_shown,
    least_recently_used,
    most_certain,
    numbers_for,
)
from tandem.calls.model.posterior import Candidate, posterior


def candidate(visit: int, shown: float, ended: float, **more: object) -> Candidate:
    return Candidate(visit=visit, visitor=visit, shown_s=shown, ended_s=ended, **more)  # type: ignore[arg-type]


# ── the delay ──


def test_a_density_is_one_in_all() -> None:
    delay = Delay()
    inside = np.linspace(-200, 0, 20_001)
    after = np.exp(np.linspace(np.log(1e-3), np.log(1e9), 200_001))
    dwell = np.full(inside.size, 200.0)
    total = np.trapezoid(delay.density(inside, dwell), inside)
    total += np.trapezoid(delay.density(after, np.full(after.size, 200.0)), after)
    assert total == pytest.approx(1, abs=0.002)


def test_samples_follow_the_density() -> None:
    rng = np.random.default_rng(3)
    delay = Delay()
    dwell = np.full(40_000, 100.0)
    since = delay.sample(dwell, rng) - dwell
    assert (since <= 0).mean() == pytest.approx(delay.during, abs=0.01)
    grid = np.exp(np.linspace(np.log(1e-3), np.log(600), 40_001))
    wanted = np.trapezoid(delay.density(grid, np.full(grid.size, 100.0)), grid)
    assert ((since > 0) & (since < 600)).mean() == pytest.approx(wanted, abs=0.01)


def test_a_delay_is_fitted_from_calls_of_ones_own() -> None:
    rng = np.random.default_rng(5)
    truth = Delay(during=0.5, soon=0.3, soon_median_s=120, soon_sigma=0.8, late_median_s=40_000, late_sigma=1.0)
    dwell = np.full(20_000, 90.0)
    found = fitted((truth.sample(dwell, rng) - dwell).tolist())
    assert found.fitted_from == 20_000
    assert found.during == pytest.approx(0.5, abs=0.02)
    assert found.soon == pytest.approx(0.3, abs=0.03)
    assert found.soon_median_s == pytest.approx(120, rel=0.15)
    assert found.late_median_s == pytest.approx(40_000, rel=0.15)


def test_a_few_calls_change_no_assumption() -> None:
    assert fitted([-5.0] * 20) == Delay()


# ── the posterior ──


def test_who_is_there_is_likelier_than_who_has_left() -> None:
    found = posterior(1000, [candidate(1, 100, 400), candidate(2, 900, 1100)], Delay())
    assert [c.visit for c in found] == [2, 1]
    assert found[0].certainty > 0.9


def test_a_tap_outweighs_a_later_visit() -> None:
    tapped = candidate(1, 100, 400, clicked_s=990.0)
    found = posterior(1000, [tapped, candidate(2, 500, 700)], Delay())
    assert found[0].visit == 1
    stale = candidate(1, 100, 400, clicked_s=300.0)
    assert posterior(1000, [stale, candidate(2, 900, 1100)], Delay())[0].visit == 2


def test_a_known_caller_comes_back_after_hours() -> None:
    found = posterior(30_000, [candidate(1, 100, 400, is_known_caller=True), candidate(2, 20_000, 20_300)], Delay())
    assert found[0].visit == 1 and found[0].certainty > 0.8


def test_a_visit_that_began_after_the_call_cannot_have_called() -> None:
    assert posterior(1000, [candidate(1, 1001, 1200)], Delay()) == []


def test_nobody_is_certain_years_later() -> None:
    found = posterior(1e9, [candidate(1, 100, 400)], Delay())
    assert not found or found[0].certainty < 0.2


CANDIDATES = st.lists(st.tuples(st.floats(0, 1e5), st.floats(1, 5e3), st.booleans(), st.booleans()), max_size=12)


@given(CANDIDATES, st.floats(0, 2e5))
@settings(max_examples=200, deadline=None)
def test_certainties_never_exceed_one(told: list[tuple[float, float, bool, bool]], call: float) -> None:
    shown = [
        candidate(i, start, start + stay, is_known_caller=known, has_form=form)
        for i, (start, stay, known, form) in enumerate(told)
    ]
    found = posterior(call, shown, Delay())
    assert all(0 < c.certainty <= 1 for c in found)
    assert sum(c.certainty for c in found) <= 1 + 1e-9
    assert [c.certainty for c in found] == sorted((c.certainty for c in found), reverse=True)


# ── pools ──


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return invented(1000, 60, np.random.default_rng(1))


@pytest.mark.parametrize("numbers", [10, 20, 40, 80])
def test_the_least_recently_used_number_misleads_less_than_a_random_one(traffic: Traffic, numbers: int) -> None:
    lru = judged(traffic, least_recently_used(traffic, numbers), last_shown)
    random = judged(traffic, at_random(traffic, numbers, 150, np.random.default_rng(2)), last_shown)
    assert lru.error < random.error


@pytest.mark.parametrize("numbers", [8, 20, 40, 80])
def test_the_rule_foretells_the_simulation(traffic: Traffic, numbers: int) -> None:
    found = judged(traffic, least_recently_used(traffic, numbers), last_shown)
    assert error_of(traffic, numbers) == pytest.approx(found.error, abs=0.02)


@pytest.mark.parametrize("error", [0.12, 0.15, 0.2])
def test_a_pool_of_the_advised_size_keeps_the_error(traffic: Traffic, error: float) -> None:
    numbers = numbers_for(traffic, error)
    assert judged(traffic, least_recently_used(traffic, numbers), last_shown).error <= error + 0.01
    assert error_of(traffic, numbers) <= error < error_of(traffic, numbers - 1)


def test_fewer_leases_need_fewer_numbers(traffic: Traffic) -> None:
    paid = np.random.default_rng(4).random(traffic.start.size) < 0.4
    place = np.cumsum(paid) - 1
    calls = paid[traffic.caller]
    part = Traffic(traffic.start[paid], traffic.end[paid], place[traffic.caller[calls]], traffic.call[calls])
    assert numbers_for(part, 0.15) < numbers_for(traffic, 0.15)
    assert issued_before_call(part).mean() < issued_before_call(traffic).mean()


def test_weighing_delays_is_never_worse_than_the_last_visit(traffic: Traffic) -> None:
    leases = least_recently_used(traffic, 10)
    assert judged(traffic, leases, most_certain(Delay())).error <= judged(traffic, leases, last_shown).error + 0.005


def test_a_number_is_lent_to_one_visit_at_a_time_while_some_are_idle(traffic: Traffic) -> None:
    for held in least_recently_used(traffic, 60):
        assert all(a.end <= b.start for a, b in pairwise(held))


@pytest.mark.parametrize(("erlangs", "blocking", "lines"), [(10, 0.01, 18), (1, 0.01, 5), (50, 0.01, 64)])
def test_erlang_b_gives_the_lines_of_the_tables(erlangs: float, blocking: float, lines: int) -> None:
    assert erlang_b(erlangs, blocking) == lines


def test_erlang_b_sizes_blocking_and_not_error(traffic: Traffic) -> None:
    numbers = erlang_b(1000 * 225 * 1.7 / 86_400, 0.01)
    assert judged(traffic, least_recently_used(traffic, numbers), last_shown).error > 0.17
