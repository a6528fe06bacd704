"""Whether a change is more than chance: tests for counts, shares, sums and averages, and how much days scatter.

A figure rests on a number of cases (visits, orders, calls: `counts` in the catalogue). Cases that come independently
scatter as Poisson's; days of a real site scatter more, by a factor that its own past tells.
"""

from collections.abc import Mapping, Sequence
from math import erfc, isfinite, sqrt
from typing import Any

import numpy as np

from tandem.core.query import Value
from tandem.metrics.catalogue import METRICS
from tandem.metrics.metric import Estimate, Metric, Ratio, Unit

LEVEL = 0.01
"""How often chance alone may pass for a change: once in a hundred."""
ENOUGH_DAYS = 28
"""Four weeks: three of each weekday to set against the one before."""
WEEK = 7
EXACT_UP_TO = 1e8
"""So many cases behind a share are judged exactly; more by the normal law, which says the same there."""
UNKNOWN_SPREAD = 2.0
"""The scatter of sums and averages before history tells: that of a sum of amounts that are spread exponentially."""

UNKNOWN_DAYS = 0.15
"""By what part of itself a day's count varies, apart from chance, before history tells: what days of real sites do."""

Values = Mapping[str, Value]


def _special() -> Any:
    """scipy's functions, loaded when first asked for: that takes a quarter of a second, and few commands need it."""
    import scipy.special

    return scipy.special


def cases_of(name: str) -> tuple[str, ...]:
    """The counts that a figure rests on; the smallest decides how much it can say."""
    metric = METRICS[name]
    if isinstance(metric, Ratio):
        return tuple(dict.fromkeys((*cases_of(metric.top), *cases_of(metric.bottom))))
    return (metric.counts or metric.id,) if isinstance(metric, Metric) else ()


def with_cases(names: Sequence[str]) -> tuple[str, ...]:
    """These figures and what judging their changes takes: their parts and their cases."""
    wanted = dict.fromkeys(names)
    for name in names:
        metric = METRICS[name]
        if isinstance(metric, Ratio):
            wanted |= dict.fromkeys((metric.top, metric.bottom))
        wanted |= dict.fromkeys(cases_of(name))
    return tuple(wanted)


def is_clear(name: str, now: Values, before: Values, scatter: float | None = None) -> bool:
    """Whether two values of a figure differ by more than chance does, over spans of one length.

    now, before   the figure, its parts and its cases (`with_cases`)
    scatter       how many times more its days vary than independent cases would; None where nobody knows
    """
    metric = METRICS[name]
    if not all(isfinite(v) for values in (now, before) for v in values.values() if v is not None):
        return False
    if isinstance(metric, Estimate):
        return _are_apart(name, now, before)
    if is_share(name):
        assert isinstance(metric, Ratio)
        pairs = [(v.get(metric.top), v.get(metric.bottom)) for v in (now, before)]
        (top, bottom), (top_before, bottom_before) = pairs
        if top is None or top_before is None or not bottom or not bottom_before:
            return False
        return shares_p(top, bottom, top_before, bottom_before, scatter or 1.0) < LEVEL
    value, value_before = now.get(name), before.get(name)
    cases, cases_before = _cases(name, now), _cases(name, before)
    if value is None or value_before is None or cases + cases_before <= 0:
        return False
    if (isinstance(metric, Metric) and metric.adds_up) or metric.unit is Unit.COUNT:
        if scatter is None:
            scatter = 1.0 if metric.unit is Unit.COUNT else UNKNOWN_SPREAD
        case = (abs(value) + abs(value_before)) / (cases + cases_before)  # what one case brings; of a count it is 1
        return case > 0 and counts_p(value / case, value_before / case, scatter) < LEVEL
    return means_p(value, cases, value_before, cases_before, UNKNOWN_SPREAD if scatter is None else scatter) < LEVEL


def _are_apart(name: str, now: Values, before: Values) -> bool:
    """Whether the ranges of a model's two answers have nothing in common; stricter than a test of their difference."""
    low, high = (
        [float(bound) for values in (now, before) if (bound := values.get(f"{name}.{end}")) is not None]
        for end in ("low", "high")
    )
    return len(low) == len(high) == 2 and max(low) > min(high)


def is_share(name: str) -> bool:
    """Whether a figure is a part of counted cases, like visits that converted."""
    metric = METRICS[name]
    return (
        isinstance(metric, Ratio)
        and metric.unit is Unit.SHARE
        and all(METRICS[part].unit is Unit.COUNT for part in (metric.top, metric.bottom))
    )


def _cases(name: str, values: Values) -> float:
    return min((float(values.get(c) or 0) for c in cases_of(name)), default=0.0)


def assumed_scatter(name: str, now: Values, before: Values, days: float) -> float:
    """How much the days of a site scatter that has too few of them to tell.

    days     how many each of the two spans has
    source   counts whose expectation varies by `UNKNOWN_DAYS` from day to day have the variance m + (cv · m)² around
             the mean m, so that a site with many visits a day scatters more, by this measure, than one with few
    """
    metric = METRICS[name]
    if is_share(name):
        assert isinstance(metric, Ratio)
        cases = [float(v.get(metric.top) or 0) for v in (now, before)]
    else:
        cases = [_cases(name, v) for v in (now, before)]
    counted = 1 + UNKNOWN_DAYS**2 * sum(cases) / 2 / max(days, 1.0)
    is_counted = is_share(name) or metric.unit is Unit.COUNT
    return counted if is_counted else UNKNOWN_SPREAD * (counted if _adds_up(metric) else 1.0)


def _adds_up(metric: object) -> bool:
    return isinstance(metric, Metric) and metric.adds_up


# ── the tests: how probable a difference at least as large is, if nothing has changed ──


def counts_p(now: float, before: float, scatter: float = 1.0) -> float:
    """Two counts over equal spans: given their sum, the newer is binomial with one half.

    scatter   counts are divided by it: as many independent cases as the days bear witness to
    source    Przyborowski and Wilenski 1940, the conditional test of two Poisson rates; exact where scatter is 1.
              The tails are the incomplete beta function, which also takes counts that are not whole.
    """
    if now < 0 and before < 0:  # losses: the same the other way round
        now, before = -now, -before
    a, b = max(0.0, now / scatter), max(0.0, before / scatter)
    if a + b == 0:
        return 1.0
    at_least = float(_special().betainc(a, b + 1, 0.5)) if a > 0 else 1.0
    at_most = float(_special().betainc(b, a + 1, 0.5)) if b > 0 else 1.0
    return min(1.0, 2 * min(at_least, at_most))


def shares_p(top: float, bottom: float, top_before: float, bottom_before: float, scatter: float = 1.0) -> float:
    """Two shares: given how many there are on both sides together, the newer top is hypergeometric.

    source   Fisher 1935, the exact test of a two by two table; exact where scatter is 1
    """
    if max(bottom, bottom_before) / scatter > EXACT_UP_TO:  # the normal law; the exact sum would take minutes
        rate = (top + top_before) / (bottom + bottom_before)
        error = sqrt(scatter * rate * max(0.0, 1 - rate) * (1 / bottom + 1 / bottom_before))
        return erfc(abs(top / bottom - top_before / bottom_before) / error / sqrt(2)) if error else 1.0
    a, n, b, m = (round(v / scatter) for v in (top, bottom, top_before, bottom_before))
    n, m = max(n, a), max(m, b)
    low, high = max(0, a + b - m), min(n, a + b)
    if a < 0 or b < 0 or low == high:
        return 1.0
    return min(1.0, 2 * min(_tail(a, high, n, m, a + b), _tail(low, a, n, m, a + b)))


def _tail(first: int, last: int, n: int, m: int, drawn: int) -> float:
    """The hypergeometric probability of first to last; far from the middle all that matters is near the nearer end."""
    middle, reach = drawn * n / (n + m), 50 + int(20 * sqrt(drawn * n * m / (n + m) ** 2 + 1))
    if last <= middle:
        first = max(first, last - reach)
    elif first >= middle:
        last = min(last, first + reach)
    else:
        first, last = max(first, int(middle) - reach), min(last, int(middle) + reach)
    if first > last:
        return 0.0
    k = np.arange(first, last + 1, dtype=float)
    logs = _choose(n, k) + _choose(m, drawn - k) - _choose(n + m, np.float64(drawn))
    return float(np.exp(logs).sum())


def _choose(n: float, k: np.ndarray | np.float64) -> np.ndarray:
    return np.asarray(_special().gammaln(n + 1) - _special().gammaln(k + 1) - _special().gammaln(n - k + 1))


def means_p(now: float, cases: float, before: float, cases_before: float, scatter: float) -> float:
    """Two averages: their difference, in standard errors of averages of so many cases, by Student's t.

    scatter   the variance of one case as a multiple of the average squared
    source    Student 1908, with the two variances pooled
    """
    degrees = cases + cases_before - 2
    if cases < 1 or cases_before < 1 or degrees <= 0:
        return 1.0
    average = (now * cases + before * cases_before) / (cases + cases_before)
    error = abs(average) * sqrt(scatter * (1 / cases + 1 / cases_before))
    if not error:  # every case was alike; or the average is nought, and nothing can be said
        return 1.0 if now == before or not average else 0.0
    return 2 * float(_special().stdtr(degrees, -abs(now - before) / error))


# ── how much days scatter ──


def scatter_of(name: str, days: Sequence[Values]) -> float | None:
    """How many times more a figure's days vary than independent cases would; None for too few days.

    days     whole days without a gap, oldest first, each with the figure, its parts and its cases
    source   Pearson's statistic over its degrees of freedom (McCullagh and Nelder 1989). Counts and sums are set
             against the same weekday a week later (von Neumann 1941), so that neither weekdays nor a slow trend count;
             sums of weeks against a straight line. Waves of months are not seen.
    """
    metric = METRICS[name]
    if len(days) < ENOUGH_DAYS or isinstance(metric, Estimate):
        return None
    if isinstance(metric, Ratio):
        return _scatter_of_ratio(name, metric, days)
    values = np.array([float(day.get(name) or 0) for day in days])
    cases = np.array([_cases(name, day) for day in days])
    if cases.sum() <= 0:
        return None
    if metric.adds_up or metric.unit is Unit.COUNT:
        return _scatter_of_sums(values, abs(values).sum() / cases.sum())
    of_days = _scatter_of_means(values, cases)
    of_weeks = _scatter_of_means(_weeks(values * cases) / np.maximum(_weeks(cases), 1.0), _weeks(cases))
    return of_days if of_days is None or of_weeks is None else _of_both(of_days, of_weeks, len(days) // WEEK - 1)


def _of_both(of_days: float, of_weeks: float, degrees: int) -> float:
    """What weeks tell, where it is more than days explain: a good day is often followed by another.

    source   the variance ratio: Snedecor's F, at one in twenty
    """
    return of_weeks if of_weeks > of_days * _special().fdtri(degrees, ENOUGH_DAYS, 0.95) else of_days


def _scatter_of_sums(values: np.ndarray, case: float) -> float | None:
    expected = case * (values[WEEK:] + values[:-WEEK]).sum()
    if expected <= 0:
        return None
    weeks = _weeks(values)
    number = np.arange(len(weeks))
    left = weeks - np.polyval(np.polyfit(number, weeks, 1), number)
    of_days = max(1.0, float(((values[WEEK:] - values[:-WEEK]) ** 2).sum() / expected))
    of_weeks = float((left**2).sum() / (len(weeks) - 2) / (case * abs(weeks).mean()))
    return _of_both(of_days, of_weeks, len(weeks) - 2)


def _weeks(values: np.ndarray) -> np.ndarray:
    """Sums of whole weeks, the newest last."""
    return np.asarray(values[len(values) % WEEK :].reshape(-1, WEEK).sum(axis=1))


def _scatter_of_ratio(name: str, metric: Ratio, days: Sequence[Values]) -> float | None:
    top = np.array([float(day.get(metric.top) or 0) for day in days])
    bottom = np.array([float(day.get(metric.bottom) or 0) for day in days])
    has = bottom > 0
    if has.sum() < ENOUGH_DAYS or top.sum() <= 0:
        return None
    rate = float(top.sum() / bottom.sum())
    of_days, of_weeks = _varied(top, bottom, rate), _varied(_weeks(top), _weeks(bottom), rate)
    varied = _of_both(of_days, of_weeks, len(days) // WEEK - 1)
    if is_share(name):
        return max(1.0, varied / (rate * (1 - rate))) if rate < 1 else None
    cases: float = sum(_cases(name, day) for day in days)
    return varied / rate**2 * cases / float(bottom.sum())


def _varied(top: np.ndarray, bottom: np.ndarray, rate: float) -> float:
    top, bottom = top[bottom > 0], bottom[bottom > 0]
    return float(((top - rate * bottom) ** 2 / bottom).sum() / max(1, len(top) - 1))


def _scatter_of_means(means: np.ndarray, cases: np.ndarray) -> float | None:
    means, cases = means[cases > 0], cases[cases > 0]
    if len(means) < ENOUGH_DAYS // WEEK:
        return None
    average = float((means * cases).sum() / cases.sum())
    varied = float((cases * (means - average) ** 2).sum() / (len(means) - 1))
    return varied / average**2 if average else None


def of_part(scatter: float, share: float) -> float:
    """The scatter of a part of a figure: what moves all parts together counts by its share (a negative binomial)."""
    return 1 + max(0.0, scatter - 1) * min(1.0, share)
