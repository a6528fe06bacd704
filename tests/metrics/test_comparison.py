"""Headlines that were not true, and the rules that keep them from being said: like against like, or no verdict."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tandem.accounts.model import Site
from tandem.base.warehouse import Warehouse
from tandem.board import queries
from tandem.board.model import BOARD_METRICS, TABLES, outcome
from tandem.collect import rebuild, store
from tandem.collect.loader import Loader
from tandem.core.context import Context
from tandem.core.query import Filter
from tandem.core.slice import Recount
from tandem.metrics.address import Address, address_of
from tandem.metrics.catalogue import METRICS, VIEWS
from tandem.metrics.chance import is_clear, with_cases
from tandem.metrics.comparison import Comparison, Rows, compared, measured_since, reason_of, unripe, unsettled
from tandem.metrics.history import History, history_of
from tandem.metrics.metric import Metric
from tandem.metrics.period import Period, period_of
from tandem.metrics.recounting import recounting
from tandem.metrics.spans import clocks_differ, week_before
from tandem.metrics.split_table import Reading, split_table
from tandem.metrics.tabs import Tab
from tandem.metrics.verdict import Reason
from tests.collect.conftest import told

NOW = datetime(2026, 11, 25, 14, 20, tzinfo=UTC)  # a Wednesday; in Warsaw it is 15:20
DAY = timedelta(days=1)
Sell = Callable[..., None]


def span(first: str, last: str, zone: str = "UTC") -> Period:
    return Period(name="x", first=date.fromisoformat(first), last=date.fromisoformat(last), zone=zone)


def view(site: Site, period: str, now: datetime = NOW) -> Address:
    return address_of({"period": period}, [], site, "marketing", now)


@pytest.fixture
def sell(ctx: Context, site: Site, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Sell:
    """Orders of 10 at these moments, each by a visitor of their own."""
    monkeypatch.setattr("tandem.base.clock.now", lambda: NOW)
    store.add_goal(ctx.database, site, "Purchase", "event", "purchase")
    store.add_goal(ctx.database, site, "Cart", "page", "/cart")
    rebuild.note_rebuilt(ctx.database, site)
    loader = Loader(ctx.warehouse, ctx.database, tmp_path)

    def load(*moments: datetime) -> None:
        records = []
        for n, at in enumerate(moments):
            records.append(told(site.id, n + 1, at, path="/cart"))
            records.append(told(site.id, n + 1, at + timedelta(minutes=1), "event", name="purchase", amount="10"))
        loader.load(records, f"orders-{moments[0]}")

    return load


def tiles(ctx: Context, address: Address) -> dict[str, Any]:
    return queries.board_tiles(ctx, address, [])


# ── the headlines of the issue ──


def test_part_of_today_is_not_judged_against_a_whole_day(ctx: Context, site: Site, sell: Sell) -> None:
    """It said "Worse than before: revenue fell by 75%" where every day goes the same way."""
    hours = (9, 13, 18, 19, 20, 20, 21, 21)  # a quarter of the orders come before 14:20
    days = [NOW.replace(hour=0, minute=0) - DAY * n for n in range(30)]
    sell(*(day + timedelta(hours=h) for day in days for h in hours if day + timedelta(hours=h) < NOW))
    found = tiles(ctx, view(site, "today"))
    revenue = found["collect.revenue"]
    assert (revenue.value, revenue.compared.before) == (20, 20)
    assert (revenue.compared.change, revenue.compared.verdict) == (0, "neutral")
    assert outcome([found["collect.revenue"], found["collect.visits"]]) == "same"


def test_the_last_seven_days_hold_no_more_of_today_than_of_the_day_they_are_compared_with(
    ctx: Context, site: Site, sell: Sell
) -> None:
    days = [NOW.replace(hour=0, minute=0) - DAY * n for n in range(30)]
    sell(*(day + timedelta(hours=h) for day in days for h in (9, 20) if day + timedelta(hours=h) < NOW))
    revenue = tiles(ctx, view(site, "7d"))["collect.revenue"]
    assert (revenue.value, revenue.compared.before) == (130, 130)
    assert revenue.compared.verdict == "neutral"


def test_where_nothing_was_before_no_change_is_clear(ctx: Context, site: Site, sell: Sell, tmp_path: Any) -> None:
    """There is nothing to be so much per cent better than."""
    sell(*(NOW - DAY * n - timedelta(minutes=m) for n in range(7) for m in range(9)), NOW - DAY * 40)
    visits = [told(site.id, 500 + n, NOW - DAY * n) for n in range(40)]
    Loader(ctx.warehouse, ctx.database, tmp_path).load(visits, "visits without orders")
    revenue = tiles(ctx, view(site, "7d"))["collect.revenue"].compared
    assert (revenue.before, revenue.reason, revenue.change, revenue.verdict) == (0, None, None, "neutral")
    assert revenue.value > 500 and not revenue.is_clear


def test_weekdays_are_compared_with_the_same_weekdays(ctx: Context, site: Site, sell: Sell) -> None:
    """A shop that sells on weekdays only: a Monday is no better than the Sunday before it."""
    noons = [NOW.replace(hour=12, minute=0) - DAY * n for n in range(30)]
    sell(*(at for at in noons if at.weekday() < 5))
    monday = tiles(ctx, view(site, "2026-11-23..2026-11-23"))["collect.revenue"]
    assert (monday.compared.before, monday.compared.verdict) == (10, "neutral")


def test_a_time_that_was_not_measured_is_nothing_to_be_better_than(ctx: Context, site: Site, sell: Sell) -> None:
    """It said "Better, +333%": 90 days against a time of which only the last weeks were measured."""
    sell(*(NOW - DAY * n for n in range(1, 110)))
    found = tiles(ctx, view(site, "90d"))
    visits = found["collect.visits"]
    assert visits.value == 89
    assert visits.compared.reason == Reason(why="unmeasured", day=date(2026, 8, 8))
    assert (visits.compared.change, visits.compared.direction, visits.compared.verdict) == (None, "", "neutral")
    assert outcome([found[f] for f in ("collect.visits", "collect.revenue")]) == "alone"
    assert queries.chart(ctx, view(site, "90d"), "collect.visits").compared.reason == visits.compared.reason
    kind = Tab(id="x", title="x", by="channel", metrics=("collect.visits",))
    table = split_table(ctx, view(site, "90d"), kind, Reading(name=lambda by, value: value))
    assert table.reason == visits.compared.reason
    assert [line.compared for line in table.rows] == [None]


def test_the_newest_leads_are_not_judged_before_they_had_time(ctx: Context, site: Site) -> None:
    """Every day brings a lead, each is won ten days later: nothing gets worse, and nothing is shown in red."""
    won_after, days = timedelta(days=10), [NOW - DAY * n for n in range(1, 200)]
    _deals(ctx.warehouse, site.id, [(at, at + won_after) for at in days])
    address = view(site, "30d")
    now, before = (_won(ctx, address, period) for period in (address.period, address.before))
    assert now < before, "the figures stay what they are"
    reason = reason_of(ctx, address, "crm.won")
    assert reason is not None and reason.why == "young" and reason.share == pytest.approx(20 / 30, abs=0.05)
    assert reason_of(ctx, address, "crm.leads") is None
    assert reason_of(ctx, address, "crm.revenue") == reason_of(ctx, address, "crm.win_rate") == reason
    assert reason_of(ctx, view(site, "2026-08-01..2026-08-30"), "crm.won") is None, "they have had their time"
    month = view(site, "2026-10-01..2026-10-30")
    assert reason_of(ctx, month, "crm.won") is None, "in this shop ten days are enough"


def _won(ctx: Context, address: Address, period: Any) -> int:
    return int(ctx.runner.ask(address.question(("crm.won",), period=period)).total["crm.won"])


def _deals(warehouse: Warehouse, site: int, made: list[tuple[datetime, datetime]]) -> None:
    is_won = [closed < NOW for _, closed in made]
    count = len(made)
    never = datetime(1970, 1, 1, tzinfo=UTC)
    warehouse.insert(
        "deal_rows",
        {
            "site": [site] * count, "at": [at for at, _ in made], "deal": list(range(1, count + 1)),
            "system": ["file"] * count, "connection": [1] * count, "ref": [str(n) for n in range(count)],
            "kind": ["deal"] * count, "stage": ["won" if won else "new" for won in is_won],
            "stage_kind": ["won" if won else "open" for won in is_won],
            "closed": [closed if won else never for (_, closed), won in zip(made, is_won, strict=True)],
            "updated": [at for at, _ in made], "amount": [Decimal(10)] * count,
        },
    )  # fmt: skip


def test_costs_that_the_ad_systems_still_restate_are_left_out_of_the_comparison(ctx: Context, site: Site) -> None:
    """Ten a day, but the newest three days have come in by half only: no fall is told."""
    days = [date(2026, 11, 25) - DAY * n for n in range(80)]
    rows = [(on, Decimal(10) if n > 3 else Decimal(5)) for n, on in enumerate(days)]
    _costs(ctx.warehouse, site, rows)
    found = queries.tiles_of(ctx, view(site, "30d"), ("ads.cost", "ads.cpc"), [])
    cost = found[0]
    assert cost.value == 280
    assert (cost.compared.value, cost.compared.before) == (260, 260)
    assert (cost.compared.settled, cost.compared.change) == (date(2026, 11, 21), 0)
    assert found[1].compared.settled == date(2026, 11, 21)
    assert reason_of(ctx, view(site, "today"), "ads.cost") == Reason(why="settling", days=3)


def _costs(warehouse: Warehouse, site: Site, rows: list[tuple[date, Decimal]]) -> None:
    count = len(rows)
    warehouse.insert(
        "ad_rows",
        {
            "site": [site.id] * count, "on": [on for on, _ in rows], "system": ["google"] * count,
            "at": [datetime(on.year, on.month, on.day, 11, tzinfo=UTC) for on, _ in rows],
            "cost": [cost for _, cost in rows], "clicks": [1] * count, "load": [1] * count,
        },
    )  # fmt: skip
    days = [on for on, _ in rows]
    warehouse.insert(
        "ad_loads", {"site": [site.id] * count, "system": ["google"] * count, "on": days, "load": [1] * count}
    )


@pytest.mark.parametrize("is_main", [False, True])
def test_while_goals_are_recounted_nothing_that_rests_on_them_is_judged(
    ctx: Context, site: Site, sell: Sell, monkeypatch: pytest.MonkeyPatch, is_main: bool
) -> None:
    """It read 32,664 instead of 11,007 for three minutes, without a word; later a step made it unsure of 11,007."""
    monkeypatch.setattr(rebuild, "RANGES", 4)
    ctx.offers.recounted = lambda site: rebuild.recounted(ctx, site)
    sell(*(NOW - DAY * n for n in range(1, 40)))
    address, seen = view(site, "7d"), []
    before = tiles(ctx, address)["collect.conversions"].value
    added = store.add_goal(ctx.database, site, "Any page", "page", "*")
    if is_main:
        store.choose_main(ctx.database, site, added.id, True)

    def look(share: float) -> None:
        ctx.runner.look_again()
        tile = tiles(ctx, address)["collect.conversions"]
        seen.append((share, tile.value, tile.compared.reason))

    rebuild.rebuild(ctx, site, look)
    shares = [reason.share for _, _, reason in seen if reason and reason.why == "recounting"]
    assert seen[0][1] == before == 6 and seen[-1][2] is None
    if is_main:
        assert shares == [0.0, 0.25, 0.5, 0.75] and seen[-1][1] != before
    else:
        assert shares == [] and {value for _, value, _ in seen} == {before}, "whatever is counted beside them"
    assert tiles(ctx, address)["collect.visits"].compared.reason is None


def test_one_order_against_two_is_no_fall(ctx: Context, site: Site, sell: Sell) -> None:
    """It said "Worse than before: revenue fell by 50%": the figures and the change stand, and nothing is claimed."""
    first = NOW - DAY * 40
    sell(first, NOW - DAY * 12, NOW - DAY * 11, NOW - DAY * 3)
    found = tiles(ctx, view(site, "7d"))
    orders = found["collect.orders"].compared
    assert (orders.value, orders.before, orders.change) == (1, 2, -0.5)
    assert (orders.is_chance, orders.direction, orders.verdict) == (True, "", "neutral")
    headline = [found[f] for f in ("collect.visits", "collect.conversions", "collect.revenue")]
    assert [t.compared.verdict for t in headline] == ["neutral"] * 3
    assert outcome(headline) == "alone"
    kind = Tab(id="x", title="x", by="channel", metrics=("collect.visits",))
    table = split_table(ctx, view(site, "7d"), kind, Reading(name=lambda by, value: value))
    assert [(r.compared.change, r.compared.verdict) for r in table.rows if r.compared] == [(-0.5, "neutral")]


def test_half_the_orders_of_a_steady_shop_are_a_fall(ctx: Context, site: Site, sell: Sell) -> None:
    days = [NOW.replace(hour=12) - DAY * n for n in range(1, 80)]
    sell(*(at + timedelta(minutes=5 * n) for at in days for n in range(10 if at < NOW - DAY * 10 else 5)))
    found = tiles(ctx, view(site, "2026-11-16..2026-11-24"))
    orders = found["collect.orders"].compared
    assert (orders.value, orders.before, orders.verdict) == (45, 90, "bad")
    assert found["collect.revenue"].compared.verdict == "bad"
    assert found["collect.average_order"].compared.verdict == "neutral"


def test_what_is_usual_for_a_site_is_no_news(ctx: Context, site: Site, sell: Sell) -> None:
    """A shop that sells forty on every ninth day and one on others: a week with such a day is no rise."""
    days = [(n, NOW.replace(hour=12) - DAY * n) for n in range(1, 80)]
    sell(*(at + timedelta(minutes=n) for i, at in days for n in range(40 if i % 9 == 5 else 1)))
    orders = tiles(ctx, view(site, "7d"))["collect.orders"].compared
    assert (orders.value, orders.before, orders.verdict) == (45, 7, "neutral")
    assert is_clear("collect.orders", {"collect.orders": 45}, {"collect.orders": 7}), "for a shop that sells evenly"


def test_judging_changes_asks_the_past_once(ctx: Context, site: Site, sell: Sell) -> None:
    sell(*(NOW - DAY * n for n in range(1, 80)), *(NOW - DAY * n - DAY / 8 for n in range(40, 50)))
    runner, asked = ctx.runner, []
    whole = runner.ask_all

    def ask_all(questions_asked: Any) -> Any:
        asked.extend(questions_asked)
        return whole(questions_asked)

    ctx.runner = _Told(runner, ask_all)
    tiles(ctx, view(site, "30d"))
    assert sorted(q.by for q in set(asked)) == [(), ("day",), ("day",)], "before, now with its course, the weeks before"
    del asked[:]
    tiles(ctx, view(site, "30d"))
    assert len(set(asked)) == 2, "the weeks before are known"


@pytest.mark.parametrize("period", ["30d", "7d", "2026-11-23..2026-11-25"])
def test_a_page_can_ask_beside_its_own_questions_all_that_a_comparison_asks(
    ctx: Context, site: Site, sell: Sell, monkeypatch: pytest.MonkeyPatch, period: str
) -> None:
    sell(*(NOW - DAY * n for n in range(1, 80)), *(NOW - DAY * n - DAY / 8 for n in range(40, 50)))
    address = view(site, period)
    comparison, rows = Comparison(ctx, address, BOARD_METRICS), Rows(ctx, address, "collect.visits")
    now = ctx.runner.ask(address.question(with_cases(BOARD_METRICS))).total
    ctx.runner.ask_all([*comparison.questions, *rows.questions])
    monkeypatch.setattr(ctx.runner, "_answered", lambda *asked: pytest.fail(f"asked anew: {asked}"))
    assert comparison.of(now)["collect.orders"].before is not None
    assert rows.compared({"collect.visits": 9}, {"collect.visits": 3}).before == 3


class _Told:
    """A runner that tells what it is asked."""

    def __init__(self, runner: Any, ask_all: Any) -> None:
        self._runner, self.ask_all = runner, ask_all

    def ask(self, question: Any) -> Any:
        return self.ask_all([question])[0]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)


# ── what is being counted anew ──


def test_what_rests_on_goals_says_so_by_its_structure() -> None:
    """A column of goals in its expression, or the view of goals reached: what a healing writes for other goals."""
    for name, metric in METRICS.items():
        if isinstance(metric, Metric):
            is_of_goals = metric.view == "conversions" or any(c in metric.value for c in ("goals", "conversions"))
            is_of_main = is_of_goals and VIEWS[metric.view].is_of_visits and "main_goals" in metric.value
            is_of_all = is_of_goals and VIEWS[metric.view].is_of_visits and not is_of_main
            assert metric.rests_on_goals == ("main" if is_of_main else "all" if is_of_all else ""), name


def test_every_metric_split_and_filter_that_rests_on_goals_is_told(ctx: Context, site: Site) -> None:
    ctx.offers.recounted = lambda site: Recount(share=0.4, is_all=False)
    goal = Filter("goal", "is", ("1",))

    def share(*names: str, by: tuple[str, ...] = (), where: tuple[Filter, ...] = ()) -> float | None:
        return recounting(ctx, site, names, by, where)

    for name in ("conversions", "conversion_rate", "engagement_rate", "bounce_rate", "goals_reached"):
        assert share(f"collect.{name}") == 0.4, name
    for name in ("collect.visits", "collect.revenue", "collect.orders", "crm.won", "ads.cost"):
        assert share(name) is None, name
    assert share("collect.visits", "collect.engagement_rate") == 0.4
    assert share("collect.revenue", where=(goal,)) == 0.4, "money of visits that reached a goal"
    assert share("collect.pageviews", by=("goal",)) == 0.4
    assert share("collect.visits", by=("channel", "day")) is None
    ctx.offers.recounted = lambda site: Recount(share=0.4, is_all=True)  # other rules: channels, visits, all of it
    assert share("collect.revenue") == share("ads.visits") == share("ads.cost_per_visit") == 0.4
    assert share("crm.won", by=("channel",)) == 0.4
    assert share("crm.won", by=("day",)) is share("ads.cost") is None
    ctx.offers.recounted = lambda site: None
    assert share("collect.conversions") is None


def test_a_metric_that_no_changed_goal_decides_is_not_recounted(ctx: Context, site: Site) -> None:
    recount = Recount(share=0.4, is_all=False, settled_goals=frozenset({1, 2}), is_main_settled=True)
    ctx.offers.recounted = lambda site: recount

    def share(name: str, *where: Filter, by: tuple[str, ...] = ()) -> float | None:
        return recounting(ctx, site, (f"collect.{name}",), by, where)

    for name in ("conversions", "conversion_rate", "engagement_rate", "bounce_rate"):
        assert share(name) is share(name, by=("channel",)) is None, name
    settled, other = Filter("goal", "is", ("1", "2")), Filter("goal", "is", ("1", "3"))
    assert share("visits", settled) is share("conversions", settled) is share("goals_reached", settled) is None
    assert share("goals_reached", settled, by=("goal",)) is None
    assert share("goals_reached") == share("visits", by=("goal",)) == 0.4
    assert share("visits", other) == share("conversions", other) == share("goals_reached", settled, other) == 0.4
    left_out = Filter("goal", "is_not", ("1",))
    assert share("visits", left_out) is None, "whether a visit reached goal 1 is known"
    assert share("goals_reached", left_out) == 0.4, "goal 3 is among the rest"
    assert share("visits", Filter("goal", "contains", ("1",))) == 0.4
    recount = msgspec.structs.replace(recount, is_main_settled=False)
    assert share("conversions") == share("engagement_rate") == 0.4
    assert share("visits", settled) is None


@pytest.mark.parametrize("compare", ["previous", "none"])
def test_tiles_and_tables_say_what_is_counted_anew_also_without_a_comparison(
    ctx: Context, site: Site, sell: Sell, compare: str
) -> None:
    sell(*(NOW - DAY * n for n in range(1, 20)))
    ctx.offers.recounted = lambda site: Recount(share=0.4, is_all=False)
    address = address_of({"period": "7d", "compare": compare}, [], site, "marketing", NOW)
    found = tiles(ctx, address)
    anew = {name for name, tile in found.items() if tile.compared.reason == Reason(why="recounting", share=0.4)}
    assert anew == {
        "collect.conversions", "collect.conversion_rate", "collect.engagement_rate", "collect.bounce_rate",
    }  # fmt: skip
    reading = Reading(name=lambda by, value: value)
    table = split_table(ctx, address, TABLES["channels"], reading)
    assert (table.recounting, table.reason) == (0.4, None)
    assert table.recounted == ("collect.engagement_rate", "collect.converted_visits", "collect.conversion_rate")
    goals = split_table(ctx, address, TABLES["goals"], reading)
    assert goals.recounted == ("collect.goals_reached",) and goals.reason is not None
    assert queries.live(ctx, site, NOW)["recounting"] == 0.4


def test_outcomes_that_are_still_to_come_are_told_whatever_is_compared(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the sales take 20 days: of the last ten days' leads next to none have come."""
    monkeypatch.setattr(History, "delays", lambda *_: [0.1, *([20.0] * 30), *([40.0] * 9)])
    for compare in ("previous", "none"):
        fresh = address_of({"period": "7d", "compare": compare}, [], site, "marketing", NOW)
        won = unripe(ctx, fresh, "crm.won")
        assert won is not None and (won.why, won.share) == ("young", pytest.approx(1 / 40))
        assert unripe(ctx, fresh, "crm.leads") is unripe(ctx, fresh, "collect.orders") is None
        old = address_of({"period": "2026-08-01..2026-08-31", "compare": compare}, [], site, "marketing", NOW)
        assert unripe(ctx, old, "crm.won") is None
    monkeypatch.setattr(History, "delays", lambda *_: [1.0])
    assert unripe(ctx, fresh, "crm.revenue") == Reason(why="little_history")


# ── what was measured, and since when ──


@pytest.mark.parametrize(
    ("period", "metrics", "days"),
    [
        ("30d", ("ads.cost",), 3),
        ("today", ("ads.cost",), 3),
        ("30d", ("collect.visits", "ads.cost"), 3),
        ("30d", ("ads.cost_per_visit",), 3),  # of its parts, visits settle at once
        ("30d", ("collect.visits",), 0),
        ("30d", (), 0),
        ("2026-11-01..2026-11-21", ("ads.cost",), 0),  # the newest day that has settled
        ("2026-11-01..2026-11-22", ("ads.cost",), 3),
        ("2026-11-26..2026-11-28", ("ads.cost",), 0),  # to come: there is nothing that could change
    ],
)
def test_a_page_is_told_how_many_of_its_newest_days_still_change(
    site: Site, period: str, metrics: tuple[str, ...], days: int
) -> None:
    assert unsettled(view(site, period), metrics) == days


def measured_from(ctx: Context, monkeypatch: pytest.MonkeyPatch, **firsts: datetime) -> None:
    """Each of these views has been measured since this moment, and no other view at all."""
    monkeypatch.setattr(History, "first", lambda self, site, view: firsts.get(view))


def test_what_is_told_by_the_day_is_measured_from_its_first_day(ctx: Context, site: Site) -> None:
    """Costs of a day lie at its noon: those of the first day are whole, and a day without costs is not measured."""
    address, before = view(site, "2026-11-11..2026-11-17"), span("2026-11-04", "2026-11-10", "Europe/Warsaw")
    assert address.before is not None and address.before.first == before.first
    _costs(ctx.warehouse, site, [(date(2026, 11, 4) + DAY * n, Decimal(10)) for n in range(20)])
    assert reason_of(ctx, address, "ads.cost") is None
    earlier = span("2026-11-03", "2026-11-09", "Europe/Warsaw")
    unlike = Reason(why="unmeasured", day=date(2026, 11, 4))
    assert reason_of(ctx, address, "ads.cost", earlier) == unlike, "a span that is handed in is the one judged"
    found = compared(ctx, view(site, "2026-11-10..2026-11-16"), ("ads.cost",), {"ads.cost": 70})["ads.cost"]
    assert (found.reason, found.change, found.direction, found.verdict) == (unlike, None, "", "neutral")


def test_what_is_told_by_the_hour_is_measured_from_its_first_hour(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = view(site, "2026-11-11..2026-11-17")
    assert address.before is not None
    noon = address.before.since + timedelta(hours=12)
    measured_from(ctx, monkeypatch, visits=noon)
    assert reason_of(ctx, address, "collect.visits") == Reason(why="unmeasured", day=date(2026, 11, 4))


def test_a_metric_is_measured_since_all_its_parts_are(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, cost, visits = view(site, "2026-11-11..2026-11-17"), NOW - DAY * 15, NOW - DAY * 12
    measured_from(ctx, monkeypatch, ad_days=cost, ad_visits=visits)
    later = Reason(why="unmeasured", day=date(2026, 11, 13))
    assert reason_of(ctx, address, "ads.cost_per_visit") == later
    assert measured_since(ctx, site, "ads.cost_per_visit") == date(2026, 11, 13)
    assert measured_since(ctx, site, "ads.cost") == date(2026, 11, 10)
    measured_from(ctx, monkeypatch, ad_days=cost)
    assert measured_since(ctx, site, "ads.cost_per_visit") is None


def test_a_night_in_which_clocks_change_is_told(ctx: Context, site: Site) -> None:
    now = datetime(2026, 3, 30, 12, 0, tzinfo=UTC)
    assert reason_of(ctx, view(site, "yesterday", now), "collect.visits") == Reason(why="clocks")
    assert reason_of(ctx, view(site, "2026-03-28..2026-03-28", now), "collect.visits") is None


def test_a_period_to_come_is_not_begun() -> None:
    period = period_of("2026-12-01..2026-12-02", "UTC", NOW)
    assert period.so_far(NOW) is None
    assert not clocks_differ(period, span("2026-11-24", "2026-11-25"), NOW)


def test_a_period_to_come_is_no_fall(ctx: Context, site: Site) -> None:
    ahead = f"{NOW.date() + DAY}..{NOW.date() + 5 * DAY}"
    assert reason_of(ctx, view(site, ahead), "collect.visits") == Reason(why="ahead")


def test_rows_are_judged_by_their_share_of_both_spans(ctx: Context, site: Site) -> None:
    """A fall is judged as the same rise would be, by the part of the whole site that both hold."""
    rows = Rows(ctx, view(site, "7d"), "collect.visits")
    rows._scatter, rows._whole = 200.0, 20_000.0
    values = {n: {"collect.visits": n} for n in (100, 200)}
    rise, fall = rows.compared(values[200], values[100]), rows.compared(values[100], values[200])
    assert rise.is_clear == fall.is_clear is True
    rows._whole = 1_000.0
    assert not rows.compared(values[200], values[100]).is_clear
    seen = set()
    for rows._whole in range(300, 20_000, 100):
        rise, fall = rows.compared(values[200], values[100]), rows.compared(values[100], values[200])
        assert rise.is_clear == fall.is_clear, rows._whole
        seen.add(rise.is_clear)
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("first", "day"),
    [
        (None, date(2026, 11, 23)),  # none: the day after these weeks
        (datetime(2026, 9, 1, tzinfo=UTC), date(2026, 9, 28)),
        (datetime(2026, 9, 27, 22, 0, tzinfo=UTC), date(2026, 9, 28)),  # midnight in Warsaw
        (datetime(2026, 9, 27, 22, 1, tzinfo=UTC), date(2026, 9, 29)),
        (datetime(2026, 10, 5, 9, 0, tzinfo=UTC), date(2026, 10, 6)),
    ],
)
def test_a_past_is_made_of_days_that_were_measured_whole(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch, first: datetime | None, day: date
) -> None:
    monkeypatch.setattr(History, "first", lambda self, site, view: first)
    history, weeks = History(ctx), span("2026-09-28", "2026-11-22", "Europe/Warsaw")
    assert history._first_day(view(site, "7d"), "collect.visits", weeks) == day
    days = history._days(history._past(view(site, "2026-11-23..2026-11-29"), ["collect.visits"]))["collect.visits"]
    assert len(days) == (weeks.last - day).days + 1


def test_periods_that_begin_in_one_week_share_a_past() -> None:
    week = [date(2026, 11, 23) + DAY * n for n in range(7)]
    assert {week_before(day) for day in week} == {date(2026, 11, 22)}


def test_that_nothing_is_measured_yet_is_remembered_until_something_is(ctx: Context, site: Site) -> None:
    history = History(ctx)
    assert history.first(site.id, "visits") is None
    put_visits(ctx, site, [NOW - DAY])
    ctx.runner.look_soon()
    assert history.first(site.id, "visits") == history.first(site.id, "pageviews") == NOW - DAY


def test_rows_that_are_not_judged_ask_nothing_of_the_past(ctx: Context, site: Site) -> None:
    put_visits(ctx, site, [NOW - DAY * n for n in range(75, 0, -1)])
    address, young = view(site, "7d"), Reason(why="young")
    alone = address_of({"period": "7d", "compare": "none"}, [], site, "marketing", NOW)
    judged, unlike, lone = (Rows(ctx, *given) for given in (
        (address, "collect.visits"), (address, "collect.visits", young), (alone, "collect.visits"),
    ))  # fmt: skip
    assert (judged.needs_whole, unlike.needs_whole, lone.needs_whole) == (True, False, False)
    row = unlike.compared({"collect.visits": 1}, {"collect.visits": 10_000})
    assert (row.is_clear, row.reason, row.verdict) == (False, young, "neutral")


def put_visits(ctx: Context, site: Site, moments: list[datetime], goals: list[int] | None = None) -> None:
    n = len(moments)
    ctx.warehouse.insert(
        "visit_rows",
        {
            "site": [site.id] * n, "visit": list(range(1, n + 1)), "visitor": list(range(1, n + 1)),
            "started": moments, "ended": moments, "opened": moments, "chain_started": moments, "version": [1] * n,
            "channel": ["Direct"] * n, "pageviews": [1] * n, "conversions": [int(bool(goals))] * n,
            "goals.at": [[at] if goals else [] for at in moments], "goals.goal": [[g] for g in goals or []] or [[]] * n,
            "goals.path": [["/"] if goals else []] * n, "goals.amount": [[Decimal(0)] if goals else []] * n,
        },
    )  # fmt: skip


def test_a_period_that_goes_on_has_the_verdict_of_what_has_passed_of_it(ctx: Context, site: Site) -> None:
    now, first = datetime(2026, 11, 25, 23, 0, tzinfo=UTC), datetime(2026, 11, 22, 23, tzinfo=UTC)  # Monday in Warsaw
    rebuild.note_rebuilt(ctx.database, site)
    days = [first + DAY * n for n in range(-23, 3)]
    put_visits(ctx, site, [d + timedelta(seconds=80 * i) for d in days for i in range(517 if d >= first else 423)])
    found = []
    for period in ("2026-11-23..2026-11-25", "2026-11-23..2026-12-13"):
        address = view(site, period, now)
        total = ctx.runner.ask(address.question(with_cases(("collect.visits",)))).total
        found.append(compared(ctx, address, ("collect.visits",), total)["collect.visits"])
    assert [(c.value, c.before, c.is_clear) for c in found] == [(1551, 1269, False)] * 2


def test_another_main_goal_has_days_of_its_own(ctx: Context, site: Site) -> None:
    rebuild.note_rebuilt(ctx.database, site)
    days = [NOW - DAY * n for n in range(75, 0, -1)]
    calm = [(d + timedelta(minutes=i), 7) for d in days for i in range(20)]
    many = [(1, 5, 60, 120, 9)[n * n % 11 % 5] for n in range(75)]
    wild = [(d + timedelta(minutes=i), 8) for d, n in zip(days, many, strict=True) for i in range(n)]
    put_visits(ctx, site, [at for at, _ in calm + wild], [goal for _, goal in calm + wild])
    scatters = {}
    for main in (7, 8):
        ctx.runner.main_goals = lambda _, main=main: (main,)
        ctx.runner.look_again()
        known = history_of(ctx).scatters(view(site, "7d"), ("collect.conversions",))["collect.conversions"]
        fresh = History(ctx).scatters(view(site, "7d"), ("collect.conversions",))["collect.conversions"]
        assert known == fresh
        scatters[main] = known
    assert scatters[8] > 5 * scatters[7]


def test_the_past_of_a_metric_is_asked_once_whichever_metrics_it_is_asked_with(
    ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [NOW - DAY * n for n in range(75, 0, -1)]
    put_visits(ctx, site, [d + timedelta(minutes=i) for d in days for i in range(20)], [7] * 20 * len(days))
    monkeypatch.setattr(ctx.runner, "main_goals", lambda _: (7,))
    history, asked = History(ctx), list[list[str]]()
    days_of = history._days
    monkeypatch.setattr(history, "_days", lambda past: [days_of(past), asked.append(list(past.firsts))][0])
    for names in (["collect.visits"], ["collect.visits", "collect.conversions"], ["collect.conversions"]):
        history.scatters(view(site, "7d"), names)
    assert asked == [["collect.visits"], ["collect.conversions"]]


def test_what_is_kept_of_the_past_does_not_grow_with_filters(ctx: Context, site: Site) -> None:
    history = History(ctx)
    put_visits(ctx, site, [NOW - DAY * n for n in range(75, 0, -1)])
    where = (Filter("page", "is_not", ("/" + "a" * 20_000,)),)
    history.scatters(msgspec.structs.replace(view(site, "7d"), where=where), ("collect.visits",))
    assert len(history._scatters) == 1
    assert sum(len(repr(key)) for key in history._scatters) < 1000
