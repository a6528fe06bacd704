"""Every counted figure, by every split it allows, four times over.

It is valid SQL, explained, equal to plain loops on one node and on two shards, and additive if it says so.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tandem.base.errors import UserError
from tandem.base.remembered import Memory
from tandem.base.warehouse import Warehouse
from tandem.board.model import TABLES
from tandem.core.query import Filter, Question
from tandem.metrics import ask
from tandem.metrics.ask import ASIDE_WAIT, CachedRunner, queries_of
from tandem.metrics.asked import of_metric
from tandem.metrics.catalogue import DIMENSIONS, METRICS
from tandem.metrics.metric import Estimate, Metric, Ratio, Unit
from tandem.metrics.tabs import Tab
from tests.golden import ads, calls, crm, findings, naive, rows
from tests.metrics.conftest import Golden

COUNTED = [f for f in METRICS.values() if isinstance(f, Metric)]


def together(metrics: Iterable[Metric], splits: Callable[[Metric], Iterable[str]]) -> list[Any]:
    """Figures of one view and split, which one question answers at once."""
    groups: dict[tuple[str, bool, str], list[str]] = {}
    for metric in metrics:
        for by in splits(metric):
            groups.setdefault((metric.view, metric.with_bots, by), []).append(metric.id)
    return [
        pytest.param(tuple(names), by, id=f"{view}{' with bots' * with_bots}-{by or 'total'}")
        for (view, with_bots, by), names in groups.items()
    ]


AT_ONCE = 4


def at_once() -> list[Any]:
    """Figures of one view, in all and by four splits at a time, for a column tells rows apart in any company.

    Splits of one kind are neighbours in the catalogue, so that groups stay large and many lie on both shards.
    """
    groups: dict[tuple[str, bool, tuple[str, ...]], list[str]] = {}
    for metric in COUNTED:
        groups.setdefault((metric.view, metric.with_bots, metric.by), []).append(metric.id)
    return [
        pytest.param(tuple(names), by, id=f"{view}{' with bots' * with_bots}-{'-'.join(by) or 'total'}")
        for (view, with_bots, splits), names in groups.items()
        for by in ((), *(splits[i : i + AT_ONCE] for i in range(0, len(splits), AT_ONCE)))
    ]


NAIVE = {**naive.METRICS, **ads.METRICS, **crm.METRICS, **calls.METRICS, **findings.METRICS}


@pytest.fixture(scope="module")
def runners(golden: Golden, shared_warehouse: Warehouse, shards: Warehouse) -> dict[str, CachedRunner]:
    def main(site: int) -> tuple[int, ...]:
        return tuple(g.id for g in golden.goals[site] if g.is_main)

    return {
        "one node": CachedRunner(shared_warehouse, main_goals=main),
        "two shards": CachedRunner(shards, main_goals=main),
    }


def question(golden: Golden, metrics: tuple[str, ...], *by: str, site: int = 0, **more: Any) -> Question:
    chosen = golden.sites[site]
    return Question(
        site=chosen.id,
        zone=chosen.zone,
        metrics=metrics,
        since=rows.SINCE,
        until=rows.UNTIL,
        by=tuple(filter(None, by)),
        **more,
    )


def groups_of(
    golden: Golden, view: str, with_bots: bool, by: tuple[str, ...], site: int
) -> dict[tuple[Any, ...], list[naive.Row]]:
    """The rows of a view by their values of some splits."""
    chosen = golden.sites[site]
    areas = golden.areas[chosen.id]
    if view in areas:
        found = [row for row in areas[view] if rows.SINCE <= row[0] < rows.UNTIL]
    else:
        found = naive.rows_of(view, golden.visits[chosen.id], rows.SINCE, rows.UNTIL)
    if not with_bots:
        found = [row for row in found if not row[2]["bot"]]
    groups: dict[tuple[Any, ...], list[naive.Row]] = {}
    for row in found:
        groups.setdefault(tuple(naive.split_of(row, one, chosen.zone) for one in by), []).append(row)
    if not by:
        groups.setdefault((), [])
    return groups


@pytest.mark.parametrize(("names", "by"), at_once())
def test_metrics_equal_plain_loops(
    golden: Golden, runners: dict[str, CachedRunner], names: tuple[str, ...], by: tuple[str, ...]
) -> None:
    metrics = [f for f in COUNTED if f.id in names]
    # Another site changes no word of the SQL, and another zone only how days and hours are cut.
    sites = (0, 1) if not by or DIMENSIONS[by[0]].is_time else (0,)
    for site in sites:
        groups = groups_of(golden, metrics[0].view, metrics[0].with_bots, by, site)
        wanted = {key: {name: NAIVE[name](group) for name in names} for key, group in groups.items()}
        for layout, runner in runners.items():
            if site and layout != "one node":
                continue
            result = runner.ask(question(golden, names, *by, site=site))
            given = {tuple(map(_key, row.key, by)): row.metrics for row in result.rows}
            assert given.keys() == wanted.keys(), layout
            for key, values in wanted.items():
                for name, value in values.items():
                    assert given[key][name] == pytest.approx(value), (layout, name, key)


def _key(value: Any, by: str) -> Any:
    from datetime import UTC

    return value.astimezone(UTC) if by == "hour" else value


@pytest.mark.parametrize(
    ("names", "by"),
    together(COUNTED, lambda metric: (by for by in ("day", "hour", "channel", "country") if by in metric.by)),
)
def test_additive_metrics_sum_to_their_total(
    golden: Golden, runners: dict[str, CachedRunner], names: tuple[str, ...], by: str
) -> None:
    runner = runners["one node"]
    total, parts = runner.ask(question(golden, names)).total, runner.ask(question(golden, names, by)).rows
    for name in names:
        metric = METRICS[name]
        assert isinstance(metric, Metric)
        if metric.adds_up:
            assert sum(row.metrics[name] or 0 for row in parts) == pytest.approx(total[name]), name


@pytest.mark.parametrize("name", ["collect.visitors", "collect.page_visits", "collect.page_visitors"])
def test_distinct_metric_does_not_add_up(golden: Golden, runners: dict[str, CachedRunner], name: str) -> None:
    runner = runners["one node"]
    total = runner.ask(question(golden, (name,))).total[name]
    assert sum(row.metrics[name] for row in runner.ask(question(golden, (name,), "day")).rows) > total


def test_pages_do_not_wait_for_the_wide_questions_of_programs(
    golden: Golden, runners: dict[str, CachedRunner], monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, begun, may_end = runners["one node"], threading.Event(), threading.Event()
    ask = runner._warehouse.ask

    def slow(*args: Any, **more: Any) -> Any:
        if threading.current_thread().name.startswith("ask-aside"):
            begun.set()
            assert may_end.wait(30)
        return ask(*args, **more)

    monkeypatch.setattr(runner._warehouse, "ask", slow)
    never_asked = (Filter("page", "is_not", ("/asked by programs only",)),)
    args = [question(golden, ("collect.pageviews",), "page", where=never_asked)]
    wide = [threading.Thread(target=runner.ask_aside, args=args, daemon=True) for _ in range(ASIDE_WAIT)]
    for one in wide:
        one.start()
    try:
        assert begun.wait(30)
        for _ in range(3):
            assert runner.ask(question(golden, ("collect.visits",), "channel")).rows
        while runner._waiting_aside.acquire(blocking=False):  # until all four are there
            runner._waiting_aside.release()
        with pytest.raises(UserError, match="Other large queries"):
            runner.ask_aside(question(golden, ("collect.visits",), "channel"))
    finally:
        may_end.set()
        for one in wide:
            one.join(30)


@pytest.mark.parametrize("by", ["channel", "day", "campaign"])
def test_the_whole_beside_its_parts_is_that_of_the_question_without_a_split(
    golden: Golden, runners: dict[str, CachedRunner], by: str
) -> None:
    names = ("collect.visitors", "collect.conversions", "collect.page_visits", "collect.bounce_rate", "collect.revenue")
    nobody = (Filter("channel", "is", ("No such channel",)),)
    for where in ((), nobody):
        for layout, runner in runners.items():
            both, parts = runner.ask_all(
                [question(golden, names, by, where=where, with_whole=w) for w in (True, False)]
            )
            assert both.rows == parts.rows, layout
            assert both.total == runner.ask(question(golden, names, where=where)).total, layout


@pytest.mark.parametrize("names", [("collect.page_visits", "collect.page_seconds"), ("collect.seconds_per_pageview",)])
def test_of_too_many_rows_the_largest_stay(
    golden: Golden, runners: dict[str, CachedRunner], monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    """A stranger can send as many addresses as he likes: the pages that people open must not vanish among them."""
    of_pages = question(golden, names, "page")
    whole = {layout: runner.ask(of_pages) for layout, runner in runners.items()}
    counted_first = queries_of(of_pages)[0].metrics[0]
    monkeypatch.setattr(ask, "MOST_ROWS", 3)
    for layout, runner in runners.items():
        runner._memory = Memory(1_000_000)
        cut, every = runner.ask(of_pages), {row.key: row.metrics for row in whole[layout].rows}
        assert (len(cut.rows), cut.is_cut, whole[layout].is_cut) == (3, True, False)
        for row in cut.rows:  # what another view's rows were cut of is unknown, which is not 0
            assert all(value in (None, every[row.key][name]) for name, value in row.metrics.items()), layout
        if counted_first == names[0]:
            assert cut.rows[0].metrics[names[0]] == max(f[names[0]] for f in every.values()) > 1
            assert {r.metrics[names[0]] for r in cut.rows} == {r.metrics[names[0]] for r in whole[layout].rows[:3]}
        runner._memory = Memory(1_000_000)


def test_an_answer_has_fewer_rows_the_more_columns_it_has(golden: Golden) -> None:
    names = tuple(f.id for f in COUNTED if f.view == "visits")
    assert ask.most_rows(question(golden, names[:1], "page")) == 200_000
    wide = question(golden, names, "entry")
    assert ask.most_rows(wide) == 1_000_000 // (len(names) + 1) < 200_000
    assert f"limit {ask.most_rows(wide) + 1}" in queries_of(wide)[0].sql


@pytest.mark.parametrize("kind", [k for k in TABLES.values() if not k.is_narrowed], ids=lambda kind: kind.id)
def test_the_rows_of_a_table_that_nothing_narrows_add_up_to_the_whole(
    golden: Golden, runners: dict[str, CachedRunner], kind: Tab
) -> None:
    """What verdicts on its rows rest on: how large a part of the whole each row is."""
    for layout, runner in runners.items():
        split, whole = runner.ask_all([question(golden, (kind.part,), by) for by in (kind.by, "")])
        assert sum(row.metrics[kind.part] for row in split.rows) == whole.total[kind.part] > 0, layout


@pytest.mark.parametrize("with_bots", [False, True])
@pytest.mark.parametrize("by", [*METRICS["collect.visits"].by, ""])  # type: ignore[union-attr]
def test_visitors_never_exceed_visits_nor_visits_page_views(
    golden: Golden, runners: dict[str, CachedRunner], by: str, with_bots: bool
) -> None:
    names = ("collect.visitors", "collect.visits", "collect.pageviews")
    for row in runners["one node"].ask(question(golden, names, by, with_bots=with_bots)).rows:
        visitors, visits, pageviews = (row.metrics[n] for n in names)
        assert visitors <= visits <= pageviews, row


def test_filter_by_a_page_means_visits_that_saw_it(golden: Golden, runners: dict[str, CachedRunner]) -> None:
    where = (Filter("page", "is", ("/cart",)),)
    visits = [v for v in golden.visits[golden.sites[0].id] if not v["bot"] and rows.SINCE <= v["at"] < rows.UNTIL]
    wanted = sum(1 for v in visits if any(h["kind"] == "pageview" and h["event"].path == "/cart" for h in v["hits"]))
    for runner in runners.values():
        assert runner.ask(question(golden, ("collect.visits",), where=where)).total["collect.visits"] == wanted > 0


OF_THE_PAGE = ("pageviews", "attention", "vitals")
"""Views that tell of pages: a filter by page chooses among their rows. All others tell what visits did."""


@pytest.mark.parametrize("op", ["is", "is_not"])
@pytest.mark.parametrize("page", ["/cart", "/"])
@pytest.mark.parametrize(("names", "by"), together([f for f in COUNTED if f.owner == "collect"], lambda metric: ("",)))
def test_metrics_of_a_page_are_of_what_its_visits_did(
    golden: Golden, runners: dict[str, CachedRunner], names: tuple[str, ...], by: str, page: str, op: str
) -> None:
    """Goals, actions and orders of visits that saw it (or never did), wherever they happened."""
    metrics = [f for f in COUNTED if f.id in names]

    def is_meant(row: naive.Row) -> bool:
        _, hit, visit = row
        if metrics[0].view in OF_THE_PAGE:
            return (hit["event"].path == page) is (op == "is")  # type: ignore[index]
        saw = any(h["kind"] == "pageview" and h["event"].path == page for h in visit["hits"])
        return saw is (op == "is")

    found = groups_of(golden, metrics[0].view, metrics[0].with_bots, (), 0)[()]
    meant = [row for row in found if is_meant(row)]
    assert len(meant) < len(found), "the page tells some from others"
    for layout, runner in runners.items():
        total = runner.ask(question(golden, names, where=(Filter("page", op, (page,)),))).total
        for name in names:
            assert total[name] == pytest.approx(NAIVE[name](meant)), (layout, name)


def test_conversions_of_a_page_are_those_of_its_converted_visits(
    golden: Golden, runners: dict[str, CachedRunner]
) -> None:
    """The headline said that conversions stand at 0 beside a conversion rate and orders."""
    names = ("collect.conversions", "collect.converted_visits", "collect.orders")
    for page in ("/", "/cart", "/plants"):
        total = runners["one node"].ask(question(golden, names, where=(Filter("page", "is", (page,)),))).total
        assert total["collect.conversions"] >= total["collect.converted_visits"] > 0, page
        assert total["collect.orders"] > 0


def test_filter_and_its_opposite_make_everything(golden: Golden, runners: dict[str, CachedRunner]) -> None:
    for by, value in (("channel", "Direct"), ("page", "/cart"), ("goal", "1"), ("country", "PL")):
        for ops in (("is", "is_not"), ("contains", "contains_not")):
            for runner in runners.values():
                parts = [
                    runner.ask(question(golden, ("collect.visits",), where=(Filter(by, op, (value,)),))).total[
                        "collect.visits"
                    ]
                    for op in ops
                ]
                assert sum(parts) == runner.ask(question(golden, ("collect.visits",))).total["collect.visits"]


def test_ratio_is_top_over_bottom_and_never_infinite(golden: Golden, runners: dict[str, CachedRunner]) -> None:
    ratios = [metric for metric in METRICS.values() if isinstance(metric, Ratio)]
    names = tuple({name: None for ratio in ratios for name in (ratio.id, ratio.top, ratio.bottom)})
    for row in runners["one node"].ask(question(golden, names, "channel")).rows:
        for ratio in ratios:
            top, bottom = row.metrics[ratio.top], row.metrics[ratio.bottom]
            if top is None or not bottom:
                assert row.metrics[ratio.id] is None, ratio.id
            else:
                assert row.metrics[ratio.id] == pytest.approx(top * ratio.scale / bottom - ratio.less), ratio.id


def test_no_rows_is_zero_for_counts_and_sums_and_none_for_others(
    golden: Golden, runners: dict[str, CachedRunner]
) -> None:
    total: dict[str, Any] = {}
    for by in ("channel", "area"):
        nobody = (Filter(by, "is", ("No such value",)),)
        names = tuple(name for name in METRICS if of_metric(name)(by))
        total |= runners["one node"].ask(question(golden, names, where=nobody)).total
    assert total.keys() >= METRICS.keys()
    for name in METRICS:
        metric, value = METRICS[name], total[name]
        is_counted = isinstance(metric, Metric) and not metric.is_reported
        if isinstance(metric, Estimate) or (is_counted and (metric.adds_up or metric.unit is Unit.COUNT)):
            assert value == 0, name
        else:
            assert value is None, name


def test_every_metric_is_explained_and_every_split_is_known() -> None:
    for metric in METRICS.values():
        assert 3 <= len(metric.marketers.split()) <= 25, metric.id
        assert metric.engineers
        if isinstance(metric, Metric):
            assert set(metric.by) <= set(DIMENSIONS)


def test_naive_loops_exist_for_every_counted_metric() -> None:
    assert {f.id for f in COUNTED} == set(NAIVE)


def test_values_are_bound_and_never_written_into_the_sql(golden: Golden) -> None:
    evil = "'; drop table events; --"
    for query in queries_of(question(golden, ("collect.visits",), "channel", where=(Filter("source", "is", (evil,)),))):
        assert evil not in query.sql
        assert [evil] in query.params.values()


def test_what_several_questions_made_is_kept_until_the_data_change(warehouse: Warehouse) -> None:
    runner, made = CachedRunner(warehouse), []

    def count() -> int:
        made.append(1)
        return len(made)

    assert [runner.kept("a", count), runner.kept("a", count), runner.kept("b", count)] == [1, 1, 2]
    warehouse.insert("person_news_rows", {"site": [1], "node": [1], "person": [1], "version": [1]})
    runner.look_again()
    assert runner.kept("a", count) == 3
