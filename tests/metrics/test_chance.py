"""What is more than chance: the tests against values of the literature and against plain sums, and how days scatter."""

import random
from datetime import date, timedelta
from math import comb, exp, sqrt
from statistics import median

import numpy as np
import pytest

from tandem.metrics import chance
from tandem.metrics.catalogue import METRICS, needed
from tandem.metrics.chance import (
    LEVEL,
    assumed_scatter,
    cases_of,
    counts_p,
    is_clear,
    is_share,
    means_p,
    of_part,
    scatter_of,
    shares_p,
    with_cases,
)
from tandem.metrics.metric import Metric, Unit


def binomial_p(a: int, b: int) -> float:
    """The same by adding up all that is as far out."""
    n = a + b
    at_least = sum(comb(n, k) for k in range(a, n + 1)) / 2**n
    at_most = sum(comb(n, k) for k in range(a + 1)) / 2**n
    return min(1.0, 2 * min(at_least, at_most))


def fisher_p(a: int, n: int, b: int, m: int) -> float:
    both = a + b
    ways = {k: comb(n, k) * comb(m, both - k) for k in range(max(0, both - m), min(n, both) + 1)}
    every = sum(ways.values())
    at_least = sum(w for k, w in ways.items() if k >= a) / every
    at_most = sum(w for k, w in ways.items() if k <= a) / every
    return min(1.0, 2 * min(at_least, at_most))


@pytest.mark.parametrize(("a", "b"), [(1, 2), (2, 1), (100, 50), (0, 5), (7, 0), (3, 3), (12, 30), (400, 470)])
def test_two_counts_are_told_apart_as_the_binomial_says(a: int, b: int) -> None:
    assert counts_p(a, b) == pytest.approx(binomial_p(a, b), rel=1e-9)
    assert counts_p(a, b) == counts_p(b, a)


@pytest.mark.parametrize(
    ("a", "n", "b", "m"),
    [(1, 9, 11, 12), (3, 100, 12, 100), (0, 10, 0, 12), (50, 1000, 90, 1100), (5, 5, 1, 6), (400, 900, 430, 880)],
)
def test_two_shares_are_told_apart_as_fisher_says(a: int, n: int, b: int, m: int) -> None:
    assert shares_p(a, n, b, m) == pytest.approx(fisher_p(a, n, b, m), rel=1e-6)


def test_fisher_of_millions_is_that_of_the_normal_curve() -> None:
    n, share = 5_000_000, 0.02
    error = sqrt(2 * share * (1 - share) / n)
    for deviations in (0.5, 2.0, 2.7, 6.0):
        top = n * (share + deviations * error)
        assert (shares_p(top, n, n * share, n) < LEVEL) == (deviations > 2.6)


def test_averages_are_told_apart_as_student_says() -> None:
    """2.576 standard errors of a normal are one in a hundred; few cases need more, two never suffice."""
    assert means_p(1 + 2.576 * sqrt(2 / 1e6), 1e6, 1, 1e6, 1.0) == pytest.approx(0.01, rel=0.02)
    assert means_p(5000, 1, 100, 1, 1.0) == 1.0
    apart = 2.101 * 2 * sqrt(2 / 10)  # Student's table: 2.101 for 18 degrees and one in twenty
    assert means_p(2 + apart / 2, 10, 2 - apart / 2, 10, 1.0) == pytest.approx(0.05, rel=0.01)


# ── what the issue says ──


@pytest.mark.parametrize(
    ("name", "now", "before", "clear"),
    [
        ("collect.orders", 1, 2, False),
        ("collect.error_pages", 2, 1, False),
        ("collect.orders", 100, 50, True),
        ("collect.orders", 50, 100, True),
        ("collect.visits", 1_000_000, 1_001_000, False),  # 0.1%: less than one standard error
        ("collect.visits", 1_000_000, 1_010_000, True),
        ("collect.visits", 0, 0, False),
    ],
)
def test_a_count_bears_a_verdict_beyond_chance_only(name: str, now: int, before: int, clear: bool) -> None:
    assert is_clear(name, {name: now}, {name: before}) == clear


def test_a_rate_is_judged_by_its_numerator_and_denominator() -> None:
    def rate(errors: int, views: int) -> dict[str, float]:
        return {"collect.error_pages": errors, "collect.pageviews": views, "collect.error_rate": errors / views}

    assert is_share("collect.error_rate")
    assert not is_clear("collect.error_rate", rate(2, 100), rate(1, 100))
    assert is_clear("collect.error_rate", rate(2, 10), rate(1, 1000))
    assert is_clear("collect.error_rate", rate(200, 10_000), rate(100, 10_000))


def test_money_and_averages_rest_on_the_number_of_their_cases() -> None:
    def sold(orders: int, revenue: float, visits: int = 1000) -> dict[str, float]:
        return {
            "collect.orders": orders, "collect.revenue": revenue, "collect.visits": visits,
            "collect.average_order": revenue / orders, "collect.revenue_per_visit": revenue / visits,
        }  # fmt: skip

    for name in ("collect.revenue", "collect.average_order", "collect.revenue_per_visit"):
        assert not is_clear(name, sold(1, 5000), sold(2, 100)), name
    assert is_clear("collect.revenue", sold(300, 30_000), sold(150, 15_000))
    assert not is_clear("collect.average_order", sold(300, 30_000), sold(150, 15_000))
    assert is_clear("collect.average_order", sold(300, 60_000), sold(150, 15_000))
    assert cases_of("collect.revenue_per_visit") == ("collect.orders", "collect.visits")


def test_a_metric_without_data_bears_no_verdict() -> None:
    for name in METRICS:
        assert not is_clear(name, dict.fromkeys(with_cases((name,))), dict.fromkeys(with_cases((name,)), 100.0))


# ── days of a real site ──


def poisson(rng: random.Random, mean: float) -> int:
    limit, n, product = exp(-mean), 0, rng.random()
    while product > limit:
        n, product = n + 1, product * rng.random()
    return n


def days_of(daily: list[int]) -> list[dict[str, float]]:
    return [{"collect.visits": n} for n in daily]


def test_days_that_come_by_chance_alone_scatter_as_poisson() -> None:
    rng = random.Random(1)
    weekday = [90 if (date(2026, 1, 5) + timedelta(days=d)).weekday() < 5 else 30 for d in range(56)]
    found = [scatter_of("collect.visits", days_of([poisson(rng, m) for m in weekday])) or 0 for _ in range(200)]
    assert 1 <= sum(found) / len(found) < 1.2, "weekdays are no scatter"


def test_days_that_vary_more_than_chance_need_a_larger_change() -> None:
    """A newsletter on some days: 1,200 against 1,000 is nothing for this site, and clear for one that goes evenly."""
    rng = random.Random(2)
    restless = days_of([poisson(rng, rng.choice((20, 20, 80))) for _ in range(56)])
    scatter = scatter_of("collect.visits", restless)
    assert scatter is not None and 10 < scatter < 30
    assert is_clear("collect.visits", {"collect.visits": 1200}, {"collect.visits": 1000}, 1.0)
    assert not is_clear("collect.visits", {"collect.visits": 1200}, {"collect.visits": 1000}, scatter)
    assert is_clear("collect.visits", {"collect.visits": 2400}, {"collect.visits": 1000}, scatter)


def test_too_few_days_tell_no_scatter() -> None:
    assert scatter_of("collect.visits", days_of([5] * 27)) is None
    assert scatter_of("collect.visits", days_of([5] * 28)) == 1.0


def test_false_verdicts_are_as_rare_as_the_level_says() -> None:
    """Two spans of one restless site, its scatter told by the weeks before: chance passes for a change rarely."""
    rng = random.Random(3)

    def day() -> int:
        return poisson(rng, 40 * rng.gammavariate(4, 1 / 4))

    false, tries = 0, 400
    for _ in range(tries):
        scatter = scatter_of("collect.visits", days_of([day() for _ in range(56)]))
        now, before = (sum(day() for _ in range(30)) for _ in range(2))
        false += is_clear("collect.visits", {"collect.visits": now}, {"collect.visits": before}, scatter)
    assert false / tries < 0.03
    naive = sum(
        is_clear("collect.visits", {"collect.visits": a}, {"collect.visits": b})
        for a, b in ((sum(day() for _ in range(30)), sum(day() for _ in range(30))) for _ in range(tries))
    )
    assert naive / tries > 0.2, "without its past every third comparison would be coloured"


@pytest.mark.parametrize("mean", [30, 300, 3_000])
def test_a_young_site_is_judged_with_care(mean: int) -> None:
    """Its days cannot tell yet how they scatter; by the scatter of chance alone every third week would be a change."""
    rng = random.Random(5)

    def week() -> dict[str, float]:
        return {"collect.visits": sum(poisson(rng, mean * rng.gammavariate(44, 1 / 44)) for _ in range(7))}  # ± 15%

    def verdict(now: dict[str, float], before: dict[str, float]) -> bool:
        return is_clear("collect.visits", now, before, assumed_scatter("collect.visits", now, before, 7))

    assert sum(verdict(week(), week()) for _ in range(400)) / 400 < 0.03
    half = {"collect.visits": mean * 7 / 2}
    assert sum(verdict(week(), half) for _ in range(20)) == 20, "half as many is no chance"


def test_the_spread_of_amounts_and_of_shares_is_told_by_the_days() -> None:
    rng = random.Random(4)

    def sold() -> list[dict[str, float]]:
        orders = [poisson(rng, 20) for _ in range(56)]
        return [
            {"collect.orders": n, "collect.revenue": sum(rng.expovariate(1 / 100) for _ in range(n))} for n in orders
        ]

    def usual(name: str) -> float:
        return median(scatter_of(name, sold()) or 0 for _ in range(21))

    assert 1.7 < usual("collect.revenue") < 2.4, "exponential amounts: twice that of their number"
    assert 0.8 < usual("collect.average_order") < 1.2, "the variance of an amount is its mean squared"
    views = [{"collect.pageviews": 1000, "collect.error_pages": poisson(rng, 50)} for _ in range(56)]
    assert 1 <= (scatter_of("collect.error_rate", views) or 0) < 1.6


def test_good_weeks_in_a_row_are_no_change() -> None:
    """Days of which each resembles the one before (0.7): what days alone tell would colour every third comparison."""
    rng = np.random.default_rng(5)

    def false(has_weeks: bool) -> float:
        count = 0
        for _ in range(200):
            level = np.zeros(116)
            for day in range(1, 116):
                level[day] = 0.7 * level[day - 1] + rng.normal() * sqrt(1 - 0.49)
            visits = [int(n) for n in rng.poisson(1000 * np.exp(0.2 * level))]
            days = np.array(visits[:56])
            alone = ((days[7:] - days[:-7]) ** 2).sum() / (days[7:] + days[:-7]).sum()
            scatter = scatter_of("collect.visits", days_of(visits[:56])) if has_weeks else float(alone)
            now, before = sum(visits[86:]), sum(visits[56:86])
            count += is_clear("collect.visits", {"collect.visits": now}, {"collect.visits": before}, scatter)
        return count / 200

    assert false(has_weeks=True) < 0.15
    assert false(has_weeks=False) > 0.2


def test_what_days_tell_of_shares_and_averages_counts_in_the_verdict() -> None:
    def rate(errors: int) -> dict[str, float]:
        return {"collect.error_pages": errors, "collect.pageviews": 10_000, "collect.error_rate": errors / 10_000}

    assert is_clear("collect.error_rate", rate(300), rate(220))
    assert not is_clear("collect.error_rate", rate(300), rate(220), 9.0)
    one, other = ({"collect.average_order": value, "collect.orders": 100} for value in (120.0, 100.0))
    assert not is_clear("collect.average_order", one, other)
    assert is_clear("collect.average_order", one, other, 0.05)
    assert is_clear("collect.average_order", one, other, 0.0), "a shop with one price, and now another"
    assert not is_clear("collect.average_order", one, one, 0.0)


def test_losses_are_judged_too() -> None:
    def margin(value: float) -> dict[str, float]:
        return {"crm.margin": value, "crm.won": 500}

    assert is_clear("crm.margin", margin(-10_000), margin(50_000))
    assert is_clear("crm.margin", margin(-100_000), margin(-50_000))
    assert not is_clear("crm.margin", margin(-51_000), margin(-50_000))


def test_a_part_moves_with_the_whole_by_its_share() -> None:
    assert of_part(21.0, 1.0) == 21.0
    assert of_part(21.0, 0.05) == 2.0


# ── what the catalogue declares ──


@pytest.mark.parametrize("name", [n for n, f in METRICS.items() if isinstance(f, Metric)])
def test_what_counts_no_cases_names_the_count_of_its_cases(name: str) -> None:
    """Asked with it, by the same filters and splits, and read by whoever reads it."""
    metric = METRICS[name]
    assert isinstance(metric, Metric)
    if metric.unit is Unit.COUNT:
        assert metric.counts == ""
        return
    cases = METRICS[metric.counts]
    assert isinstance(cases, Metric)
    assert cases.unit is Unit.COUNT
    assert set(metric.by) <= set(cases.by)
    assert needed((metric.counts,)) <= needed((name,)) | {"metrics.read"}


@pytest.mark.parametrize("absurd", [1e11, 1e15, 1e300, float("inf"), float("nan")])
def test_absurd_counts_are_judged_at_once(absurd: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chance, "_tail", lambda *_: pytest.fail("The exact sum takes minutes and all memory."))
    for top in (absurd, absurd / 2, 5.0):
        now = {"collect.error_pages": top, "collect.pageviews": absurd, "collect.error_rate": top / absurd}
        before = {"collect.error_pages": 1.0, "collect.pageviews": 1e15, "collect.error_rate": 1e-15}
        is_clear("collect.error_rate", now, before)
        is_clear("collect.visits", {"collect.visits": absurd}, {"collect.visits": 5})


def test_shares_of_very_many_are_judged_by_the_normal_law() -> None:
    for top in (50_000_000, 50_010_000, 50_030_000):
        exact, normal = shares_p(top, 1e8, 5e7, 1e8), shares_p(top + 1, 1e8 + 2, 5e7 + 1, 1e8 + 2)
        assert normal == pytest.approx(exact, rel=0.02, abs=1e-4)
