"""Which days are measured: by reports of every ad account, and by a counter that ran."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tandem.accounts.model import Site
from tandem.board import queries
from tandem.collect.loader import Loader
from tandem.core.context import Context
from tandem.core.query import Filter
from tandem.metrics.address import Address, address_of
from tandem.metrics.comparison import compared, reason_of
from tandem.metrics.coverage import Lack, ReportedDays, days_between, lack_of, reported_days, silent_days
from tandem.metrics.history import history_of
from tandem.metrics.verdict import Reason
from tests.collect.conftest import told

NOW = datetime(2026, 11, 25, 14, 20, tzinfo=UTC)  # a Wednesday
DAY = timedelta(days=1)
FIRST = date(2026, 9, 1)
MONTH = days_between(date(2026, 10, 1), date(2026, 10, 31))
BEFORE = days_between(date(2026, 9, 3), date(2026, 9, 30))
GOOGLE, META = ("google", "1"), ("meta", "2")
Report = Callable[..., None]


def view(site: Site, period: str, now: datetime = NOW) -> Address:
    return address_of({"period": period}, [], site, "marketing", now)


# ── the rules ──


@pytest.mark.parametrize(
    ("told", "lack"),
    [
        ({GOOGLE: MONTH | BEFORE}, None),
        ({GOOGLE: MONTH | BEFORE, META: MONTH | BEFORE}, None),
        ({GOOGLE: MONTH | BEFORE, META: days_between(date(2026, 1, 1), date(2026, 2, 1))}, None),  # given up long ago
        ({GOOGLE: BEFORE | days_between(date(2026, 10, 1), date(2026, 10, 9))}, Lack(ended=date(2026, 10, 9))),
        ({GOOGLE: BEFORE}, Lack(ended=date(2026, 9, 30))),
        ({GOOGLE: days_between(date(2026, 1, 1), date(2026, 2, 1))}, Lack(ended=date(2026, 2, 1))),
        ({GOOGLE: MONTH}, Lack(begun=date(2026, 10, 1))),
        ({GOOGLE: (MONTH | BEFORE) - days_between(date(2026, 10, 5), date(2026, 10, 7))}, Lack(days=3)),
        ({GOOGLE: MONTH | BEFORE, META: MONTH}, Lack(days=28, is_of_some=True)),
        ({GOOGLE: MONTH | BEFORE, META: BEFORE}, Lack(days=31, is_of_some=True)),
        ({}, None),
    ],
)
def test_reports_are_alike_where_the_same_accounts_tell_of_every_day(told: Any, lack: Lack | None) -> None:
    assert lack_of({account: ReportedDays(days, frozenset()) for account, days in told.items()}, MONTH, BEFORE) == lack


def test_a_report_tells_of_the_days_between_its_first_and_its_last_too() -> None:
    """Ad systems leave out days on which nothing was shown."""
    first, gap, last = date(2026, 10, 1), date(2026, 10, 3), date(2026, 10, 6)
    told = reported_days([("google", "1", first, gap, 3), ("google", "1", last, last, 1)])
    assert told[GOOGLE].days == told[GOOGLE].quiet == {first, date(2026, 10, 2), gap, last}


def test_an_account_that_shows_little_may_rest_and_costs_by_hand_are_no_account() -> None:
    """Of nine days, every third: it is not over when six more pass without any."""
    daily = ReportedDays(MONTH | BEFORE, frozenset())
    few = reported_days([("meta", "2", min(BEFORE), date(2026, 10, 25), 18)])[META]
    assert lack_of({GOOGLE: daily, META: few}, MONTH, BEFORE) is None
    hand = ReportedDays(days_between(date(2026, 10, 3), date(2026, 10, 9)), frozenset())
    assert lack_of({GOOGLE: daily, ("other", ""): hand}, MONTH, BEFORE) is None
    assert lack_of({("other", ""): hand}, MONTH, BEFORE) == Lack(ended=date(2026, 10, 9))


def test_a_report_that_another_has_replaced_but_for_its_ends_is_no_sparse_account() -> None:
    """Two days of sixty-one were left of it, and the account seemed to rest for months after its reports had ended."""
    first, last = date(2026, 9, 1), date(2026, 10, 31)
    told = reported_days([("google", "1", first, last, 2), ("google", "1", first + DAY, last - DAY, 59)])[GOOGLE]
    assert told.days == told.quiet == days_between(first, last)


def came(count: Callable[[date], int]) -> tuple[dict[date, int], list[date]]:
    """Six weeks of visits, as they are looked up: days without any have no row."""
    days = [FIRST + DAY * n for n in range(42)]
    return {day: count(day) for day in days if count(day)}, days


@pytest.mark.parametrize(("many", "length"), [(2, 5), (2, 14), (8, 1), (8, 5), (1000, 1), (1000, 14)])
def test_days_without_anybody_are_silent_where_somebody_comes_every_day(many: int, length: int) -> None:
    gone = days_between(FIRST + DAY * 25, FIRST + DAY * (24 + length))
    visits, days = came(lambda day: 0 if day in gone else many)
    assert silent_days(visits, days) == gone


def test_one_silent_day_of_a_busy_site_is_enough_and_of_a_quiet_one_is_none() -> None:
    gone = FIRST + DAY * 30
    assert silent_days(*came(lambda day: 0 if day == gone else 30)) == {gone}
    assert not silent_days(*came(lambda day: 0 if day == gone else 1))


def test_weekends_on_which_nobody_comes_are_the_site_s_own() -> None:
    assert not silent_days(*came(lambda day: 40 if day.weekday() < 5 else 0))
    gone = days_between(date(2026, 9, 24), date(2026, 9, 29))  # from a Thursday to a Tuesday
    found = silent_days(*came(lambda day: 40 if day.weekday() < 5 and day not in gone else 0))
    assert found == {day for day in gone if day.weekday() < 5}


def test_a_site_with_a_visit_now_and_then_has_no_silent_days() -> None:
    assert not silent_days(*came(lambda day: int((day - FIRST).days % 5 == 0)))
    assert not silent_days(*came(lambda day: int(day == FIRST)))


# ── in what pages show ──


@pytest.fixture
def report(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> Report:
    """A report of ten clicks at ten a day, by the account of an ad system."""
    monkeypatch.setattr("tandem.base.clock.now", lambda: NOW)
    loads = iter(range(1, 100))

    def load(first: date, last: date, system: str = "google", account: str = "1") -> None:
        days, number = sorted(days_between(first, last)), next(loads)
        same = {"site": [site.id] * len(days), "system": [system] * len(days), "account": [account] * len(days)}
        noon = [datetime(on.year, on.month, on.day, 11, tzinfo=UTC) for on in days]
        midnight = [at - timedelta(hours=12) for at in noon]
        ctx.warehouse.insert(
            "ad_rows",
            {**same, "on": days, "at": noon, "cost": [Decimal(10)] * len(days), "clicks": [10] * len(days),
             "load": [number] * len(days), "channel": ["Paid Search"] * len(days)},
        )  # fmt: skip
        ctx.warehouse.insert(
            "ad_loads",
            {**same, "on": days, "load": [number] * len(days), "begins": midnight,
             "ends": [at + DAY for at in midnight]},
        )  # fmt: skip
        ctx.look_again()

    return load


JUDGED = ("ads.clicks", "ads.cost", "ads.cpc", "ads.cost_per_visit")


def test_reports_that_end_within_the_period_make_no_verdict(ctx: Context, site: Site, report: Report) -> None:
    """It said "clicks −81%, bad; cost per visit −81%, good": the newest report was of 31 October."""
    report(FIRST, date(2026, 10, 31))
    for period in ("30d", "2026-11-01..2026-11-21"):
        address = view(site, period)
        found = compared(ctx, address, JUDGED, ctx.runner.ask(address.question(JUDGED)).total)
        assert {c.reason for c in found.values()} == {Reason(why="ended", day=date(2026, 10, 31))}, period
        assert {c.verdict for c in found.values()} == {"neutral"}
    assert reason_of(ctx, view(site, "2026-10-10..2026-10-31"), "ads.clicks") is None


def test_an_account_that_was_connected_within_the_comparison_makes_no_verdict(
    ctx: Context, site: Site, report: Report
) -> None:
    """It said "clicks +185%, good": a second account had been connected 20 days ago."""
    report(FIRST, date(2026, 11, 24))
    address = view(site, "2026-10-29..2026-11-21")
    assert reason_of(ctx, address, "ads.clicks") is None
    report(date(2026, 11, 5), date(2026, 11, 24), "google", "second")
    assert reason_of(ctx, address, "ads.clicks") == Reason(why="accounts", days=31)
    ours = msgspec.structs.replace(address, where=(Filter("ad_account", "is", ("1",)),))
    assert reason_of(ctx, ours, "ads.clicks") is None
    assert reason_of(ctx, view(site, "2026-09-25..2026-10-10"), "ads.clicks") is None


def test_days_without_a_report_are_no_days_without_cost(ctx: Context, site: Site, report: Report) -> None:
    report(FIRST, date(2026, 11, 10))
    report(date(2026, 11, 14), date(2026, 11, 24))
    address = view(site, "2026-11-08..2026-11-21")
    assert reason_of(ctx, address, "ads.cost") == Reason(why="gaps", days=3)
    chart = queries.chart(ctx, address, "ads.cost")
    assert [on for on, value in chart.points if value is None] == [date(2026, 11, n) for n in (11, 12, 13)]


@pytest.fixture
def visit(ctx: Context, site: Site, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[datetime]], None]:
    monkeypatch.setattr("tandem.base.clock.now", lambda: NOW)

    def load(moments: list[datetime]) -> None:
        loader = Loader(ctx.warehouse, ctx.database, tmp_path)
        records = []
        for n, at in enumerate(moments):
            records.append(told(site.id, n + 1, at))
            records.append(told(site.id, n + 1, at + timedelta(minutes=1), "event", name="purchase", amount="10"))
        loader.load(records, "visits")

    return load


def test_days_without_the_counter_make_no_verdict(ctx: Context, site: Site, visit: Any) -> None:
    """It said "revenue −71%, bad": the counter had been taken off the site for five days."""
    days = [NOW.replace(hour=9) - DAY * n for n in range(1, 60) if n not in (2, 3, 4, 5, 6)]
    visit([at + timedelta(minutes=10 * n) for at in days for n in range(8)])
    address = view(site, "7d")
    for name in ("collect.revenue", "collect.visits", "collect.orders", "collect.average_order"):
        assert reason_of(ctx, address, name) == Reason(why="gaps", days=5), name
    chart = queries.chart(ctx, address, "collect.visits")
    assert [value for _, value in chart.points].count(None) == 5
    assert reason_of(ctx, view(site, "2026-11-05..2026-11-11"), "collect.revenue") is None
    tile = queries.tiles_of(ctx, address, ("collect.revenue",), [])[0]
    assert tile.value and tile.compared.verdict == "neutral"


def test_whether_the_counter_ran_is_asked_once(
    ctx: Context, site: Site, visit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit([NOW.replace(hour=9) - DAY * n for n in range(1, 60)])
    asked, look_up = [], history_of(ctx)._ctx.runner.look_up
    monkeypatch.setattr(ctx.runner, "look_up", lambda sql, bound: asked.append(sql) or look_up(sql, bound))
    for _ in range(2):
        queries.board_tiles(ctx, view(site, "30d"), [])
    assert sum("count() as visits" in sql for sql in asked) == 1
