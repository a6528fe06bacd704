"""Question -> (SQL, values) -> rows: the only SQL builder in the product.

A question names figures of the catalogue; it becomes one SELECT per view, whose rows meet by their split. Identifiers
come from the catalogue only, values are bound by the engine.
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec

from tandem.base.errors import Busy, UserError
from tandem.base.remembered import Memory
from tandem.base.turns import Turns
from tandem.base.warehouse import Answer, Warehouse
from tandem.core.query import ASKED_BY, Filter, Key, Made, Query, Question, Result, Row, Shape, Value
from tandem.metrics.catalogue import DIMENSIONS, METRICS, VIEWS
from tandem.metrics.metric import Counted, Dimension, Estimate, Metric, PublishedView, Ratio, Unit

MOST_ROWS, MOST_CELLS = 200_000, 1_000_000
"""What an answer holds at most, for a stranger can send as many addresses as he likes: the rows that are largest by the
first figure, and fewer of them the more columns they have."""
REMEMBERED_BYTES = 48 << 20
"""What remembered answers may hold in all, with what was made of them."""
LARGEST, LARGEST_MADE = 1 / 4, 1 / 2
"""What takes a larger part of it is asked again each time; what is made of several answers takes seconds to make."""
AT_ONCE = 2
"""Questions whose rows are put together at one time: a wide one holds a hundred megabytes while that lasts."""
ASIDE_WAIT = 4
"""Wide questions of programs, with the one that is answered: each that waits keeps a thread of the server."""
VISIT_SPAN = timedelta(days=1)  # a visit lasts a day at most, so its other hits are at most that far away


def counted(metrics: Iterable[str]) -> tuple[str, ...]:
    """The counted or modelled figures that these figures are made of, each once.

    raises   UserError for an unknown figure
    """
    parts: dict[str, None] = {}
    for name in metrics:
        metric = METRICS.get(name)
        if metric is None:
            raise UserError(
                "There is no metric “%(name)s”.", "See the full list on the Metrics page.", status=404, name=name[:60]
            )
        if isinstance(metric, Ratio):
            parts.update(dict.fromkeys(counted((metric.top, metric.bottom))))
        else:
            parts[name] = None
    return tuple(parts)


@lru_cache(1000)
def names_main_goals(metrics: tuple[str, ...]) -> bool:
    """Whether one of these figures is counted by the site's main goals, which somebody may choose anew."""
    parts = (METRICS[name] for name in counted(metrics))
    return any("{main_goals:" in part.value for part in parts if not isinstance(part, Ratio))


def _no_goals(site: int) -> tuple[int, ...]:
    return ()


def queries_of(question: Question, main_goals: Callable[[int], tuple[int, ...]] = _no_goals) -> list[Query]:
    """The SELECTs that answer a question, one a view and kind of filter.

    main_goals   the goals of a site that conversions rest on
    raises   UserError for a split or filter that does not suit a figure
    """
    for name in question.by:
        _dimension(name)
    groups: dict[tuple[str, bool, tuple[bool, ...]], list[Counted]] = {}
    for name in counted(question.metrics):
        metric = METRICS[name]
        assert not isinstance(metric, Ratio)
        for split in question.by:
            if split not in metric.by and not (split == "minute" and "hour" in metric.by):
                raise UserError(
                    "%(figure)s cannot be split by %(split)s.",
                    "Remove that split, or choose another metric.",
                    figure=metric.label,
                    split=DIMENSIONS[split].label,
                )
        with_bots = isinstance(metric, Metric) and metric.with_bots
        own = tuple(_is_of_rows(f, metric) for f in question.where)  # others are looked up in the visit
        groups.setdefault((metric.view, with_bots or question.with_bots, own), []).append(metric)
    queries = [_query(question, view, metrics, with_bots) for (view, with_bots, _), metrics in groups.items()]
    for query in queries:
        if "{main_goals:" in query.sql:
            query.params["main_goals"] = list(main_goals(question.site))
    return queries


def _query(question: Question, view: str, metrics: list[Counted], with_bots: bool) -> Query:
    params: dict[str, Any] = {
        "site": question.site,
        "since": question.since,
        "until": question.until,
        "zone": question.zone,
    }
    rows = VIEWS[view]
    splits = [f"{_dimension(name).column} as by_{i}" for i, name in enumerate(question.by)]
    values = [f"{expression} as {column}" for f in metrics for expression, column in _expressions(f)]
    values += ["grouping(by_0) as is_whole"] if question.with_whole else []
    conditions = ["site = {site:UInt32}", "at >= {since:DateTime64(3, 'UTC')}", "at < {until:DateTime64(3, 'UTC')}"]
    if rows.is_of_visits and not rows.is_whole:  # lets the engine leave other days unread
        conditions += [
            "visit_started >= {since:DateTime64(3, 'UTC')} - interval 1 day",
            "visit_started < {until:DateTime64(3, 'UTC')} + interval 1 day",
        ]
    if rows.is_of_visits and not with_bots and not any(f.by in ("bot", "bot_name") for f in question.where):
        conditions.append("bot = ''")
    conditions += [_condition(f, i, metrics[0], params) for i, f in enumerate(question.where)]
    if not any("{zone:" in part for part in splits):
        del params["zone"]
    lines = [f"select {', '.join([*splits, *values])}", f"from {view}", "where " + "\n  and ".join(conditions)]
    if splits:
        keys = ", ".join(f"by_{i}" for i in range(len(splits)))
        lines.append(f"group by {keys}" + " with rollup" * question.with_whole)
        largest = "is_whole desc, " * question.with_whole + _expressions(metrics[0])[0][1]
        lines.append(f"order by {largest} desc, {keys}")
        lines.append(f"limit {most_rows(question) + 1}")  # one more tells that there are more
    return Query(tuple(f.id for f in metrics), "\n".join(lines), params)


def most_rows(question: Question) -> int:
    """How many rows the answer to a question holds at most."""
    return min(MOST_ROWS, MOST_CELLS // (len(counted(question.metrics)) + len(question.by)))


def _expressions(metric: Counted) -> list[tuple[str, str]]:
    name = metric.id.replace(".", "__")
    if isinstance(metric, Estimate):
        return [(metric.value, name), (metric.low, f"{name}__low"), (metric.high, f"{name}__high")]
    return [(metric.value, name)]


def _condition(f: Filter, i: int, metric: Counted, params: dict[str, Any]) -> str:
    dimension = _dimension(f.by)
    if dimension.is_time:
        raise UserError("You cannot filter by %(dimension)s.", "Choose a period instead.", dimension=dimension.label)
    params[f"f{i}"] = list(f.values)
    test = _test(f, i, dimension)
    if _is_of_rows(f, metric):
        return test
    if not (VIEWS[metric.view].is_of_visits and VIEWS[dimension.home].is_of_visits):
        raise UserError(
            "%(figure)s cannot be filtered by %(dimension)s.",
            "Remove that filter.",
            figure=metric.label,
            dimension=dimension.label,
        )
    params |= {"near_since": params["since"] - VISIT_SPAN, "near_until": params["until"] + VISIT_SPAN}
    home = VIEWS[dimension.home]
    condition = (
        f"select visit from {home.id} where site = {{site:UInt32}} and at >= {{near_since:DateTime64(3, 'UTC')}}"
        f" and at < {{near_until:DateTime64(3, 'UTC')}}{_near(home)} and {_test(_positive(f), i, dimension)}"
    )
    return f"visit global {'not ' if f.op.endswith('_not') else ''}in ({condition})"


def _is_of_rows(f: Filter, metric: Counted) -> bool:
    """Whether a filter chooses among the rows of a figure themselves, not among the visits they belong to."""
    return f.by in metric.by and metric.view not in _dimension(f.by).by_visit


def _near(view: PublishedView) -> str:
    """Leaves days unread that hold no visit near the span asked for."""
    if view.is_whole:
        return ""
    return (
        " and visit_started >= {near_since:DateTime64(3, 'UTC')} - interval 1 day"
        " and visit_started < {near_until:DateTime64(3, 'UTC')} + interval 1 day"
    )


def _positive(f: Filter) -> Filter:
    return Filter(f.by, "contains" if f.op.startswith("contains") else "is", f.values)


def _test(f: Filter, i: int, dimension: Dimension) -> str:
    values = f"{{f{i}:Array(String)}}"
    if f.op in ("is", "is_not"):
        return f"{dimension.column} {'not ' if f.op == 'is_not' else ''}in {values}"
    test = f"arrayExists(part -> positionCaseInsensitiveUTF8({dimension.column}, part) > 0, {values})"
    return f"not {test}" if f.op == "contains_not" else test


def _dimension(name: str) -> Dimension:
    dimension = DIMENSIONS.get(name)
    if dimension is None:
        raise UserError(
            "There is no split “%(name)s”.",
            "Use one of %(choices)s.",
            status=404,
            name=name[:60],
            choices=", ".join(DIMENSIONS),
        )
    return dimension


class CachedRunner:
    """Where questions are asked: runs their queries side by side and remembers answers until the data changes."""

    def __init__(
        self, warehouse: Warehouse, side_by_side: int = 2, remember: int = REMEMBERED_BYTES,
        main_goals: Callable[[int], tuple[int, ...]] = _no_goals,
    ) -> None:  # fmt: skip
        self._warehouse = warehouse
        self._pool = ThreadPoolExecutor(side_by_side, thread_name_prefix="ask")
        self._turns = Turns(AT_ONCE)
        self._aside, self._waiting_aside = threading.Semaphore(1), threading.Semaphore(ASIDE_WAIT)
        self._aside_pool = ThreadPoolExecutor(1, thread_name_prefix="ask-aside")
        cluster = warehouse.cluster
        parts = f"clusterAllReplicas('{cluster}', system.parts)" if cluster else "system.parts"
        maps = "0" if warehouse.is_local else MAPS_READ  # who has the engine to himself counts what he lets it read
        self._data_version_sql = DATA_VERSION.format(parts=parts, maps=maps)
        self._memory = Memory(remember)
        self._version: tuple[float, Any] = (0.0, None)
        self.changes = 0
        """How often somebody has said that data have changed (`look_again`)."""
        self.main_goals = main_goals
        """The goals of a site that its conversions rest on; the slice that keeps goals says."""

    def ask(self, question: Question) -> Result:
        """The rows of one question, largest first figure first."""
        return self.ask_all([question])[0]

    def ask_aside(self, question: Question) -> Result:
        """The same for programs and files, whose questions may be as wide as they like: one after the other.

        raises   Busy for whoever would have to wait long; pages do not wait for these at all
        """
        if not self._waiting_aside.acquire(blocking=False):
            raise Busy("Other large queries are running.", "Try again in a minute.", retry_after_s=60)
        try:
            with self._aside:
                return self._asked([question], self._aside_pool)[0]
        finally:
            self._waiting_aside.release()

    def ask_all(self, questions: Sequence[Question]) -> list[Result]:
        """The answers of several questions; queries that several share run once."""
        with self._turns.turn_of(ASKED_BY.get()):
            return self._asked(questions, self._pool)

    def _asked(self, questions: Sequence[Question], pool: ThreadPoolExecutor) -> list[Result]:
        main_goals = cache(self.main_goals)  # looked up once for all of them
        version = self._data_version()
        keys = {q: ("result", q, main_goals(q.site) if names_main_goals(q.metrics) else ()) for q in questions}
        results = {q: self._memory.recall(key, version) for q, key in keys.items()}
        missing = [q for q, answer in results.items() if answer is None]
        for question, result in zip(missing, self._answered(missing, pool, main_goals) if missing else (), strict=True):
            results[question] = result
            self._memory.keep(keys[question], version, result, LARGEST)
        return [results[q] for q in questions]

    def _answered(
        self, questions: Sequence[Question], pool: ThreadPoolExecutor, main_goals: Callable[[int], tuple[int, ...]]
    ) -> list[Result]:
        """What the engine says to these questions; a query that several share runs once."""
        began = time.perf_counter()
        planned = [queries_of(q, main_goals) for q in questions]
        distinct = {_identity(query): query for queries in planned for query in queries}
        asked = pool.map(lambda query: self._warehouse.ask(query.sql, query.params), distinct.values())
        answers = dict(zip(distinct, asked, strict=True))
        took = round((time.perf_counter() - began) * 1000, 2)
        results = [
            _merged(question, [(query, answers[_identity(query)]) for query in queries], took)
            for question, queries in zip(questions, planned, strict=True)
        ]
        return [self._with_whole(question, result, pool) for question, result in zip(questions, results, strict=True)]

    def _with_whole(self, question: Question, result: Result, pool: ThreadPoolExecutor) -> Result:
        """What the engine tells no whole of, because there were no rows or too many, is asked without the split."""
        if not question.with_whole or result.whole:
            return result
        plain = msgspec.structs.replace(question, by=(), with_whole=False)
        return msgspec.structs.replace(result, whole=self._asked([plain], pool)[0].total)

    def planned(self, question: Question) -> list[Query]:
        """The queries of a question, with the main goals of its site bound."""
        return queries_of(question, self.main_goals)

    def look_up(self, sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Rows of one question about the past that pages never show; not remembered."""
        return list(self._warehouse.ask(sql, params).rows)

    def rows(self, sql: str, shape: type[Shape], /, **params: Any) -> list[Shape]:
        """Rows of a page's own question as structs, remembered until the data change."""
        key = ("rows", sql, repr(params))
        return list(self.kept(key, lambda: tuple(self._warehouse.rows(sql, shape, **params))))

    def kept(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` gives, remembered under its key until the data changes, for figures made of several questions."""
        version = self._data_version()
        cached = self._memory.recall(("made", key), version)
        if cached is not None:
            return cast(Made, cached)
        made = make()
        self._memory.keep(("made", key), version, made, LARGEST_MADE)
        return made

    def _data_version(self) -> Any:
        """What changes when visits change; looked at no more than four times a second."""
        (read_at, version), changes = self._version, self.changes
        if time.monotonic() - read_at > 0.25:
            reloads = self._warehouse.reloads
            version = (reloads, self._warehouse.ask(self._data_version_sql).rows)
            if changes == self.changes:  # else somebody has changed data meanwhile, and this may not know it
                self._version = (time.monotonic(), version)
        return version

    def look_again(self) -> None:
        """Look at once whether data have changed: whoever has just changed some wants to see it."""
        self.changes += 1
        self._version = (0.0, None)

    def look_soon(self) -> None:
        """Look whether data have changed before the next answer: whoever has just written wants to see it."""
        self._version = (0.0, None)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._aside_pool.shutdown(cancel_futures=True)


# TRAP: a `delete from` masks rows inside their parts: no block, row or part comes or goes. It only counts up the parts'
# version of data, as every mutation does; see test_rows_that_are_deleted_change_what_is_remembered.
DATA_VERSION = """
    select sum(max_block_number), sum(rows), count(), sum(data_version), {maps}
    from {parts}
    where active and database != 'system'
"""
MAPS_READ = "(select (max(last_successful_update_time), sum(element_count)) from system.dictionaries)"
"""Rows, and the maps of who is one person: these are read again after their rows are written, which changes no row."""


def _identity(query: Query) -> tuple[str, str]:
    return query.sql, repr(query.params)


def _merged(question: Question, answers: list[tuple[Query, Answer]], took_ms: float) -> Result:
    width, groups, whole = len(question.by), dict[Key, dict[str, Value]](), dict[str, Value]()
    most, cut = most_rows(question), set[str]()
    for _, answer in answers:
        names = [name.replace("__", ".", 1).replace("__", ".") for name in answer.names[width:]]
        names = names[:-1] if question.with_whole else names
        cut |= set(names if len(answer.rows) > most else ())
        for row in answer.rows[:most]:
            is_whole = question.with_whole and row[-1]
            metrics = whole if is_whole else groups.setdefault(row[:width], {})
            metrics.update(zip(names, map(_number, row[width:]), strict=not question.with_whole))
    if not width and not groups:
        groups[()] = {}
    asked = question.metrics
    unreported = {name: None if name in cut else _unreported(name) for name in counted(asked)}
    rows = [Row(key, _completed(metrics, unreported, asked)) for key, metrics in groups.items()]
    rows.sort(key=lambda r: (-(r.metrics[asked[0]] or 0), tuple(map(str, r.key))))
    queries = tuple(query for query, _ in answers)
    is_whole = question.with_whole and whole.keys() >= unreported.keys()
    return Result(
        rows[:most], queries, took_ms, _completed(whole, unreported, asked) if is_whole else {},
        is_cut=bool(cut) or len(rows) > most,
    )  # fmt: skip


def _number(value: Any) -> Value:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and value != value:
        return None
    return value  # type: ignore[no-any-return]


def _completed(
    values: Mapping[str, Value], unreported: Mapping[str, Value], asked: tuple[str, ...]
) -> dict[str, Value]:
    """Missing is not zero: without rows a count or sum is 0, all others are None; ratios are never infinite.

    unreported   what the counted figures are of a part that no row tells of
    """
    parts = {**unreported, **values}
    completed = {n: _valued(n, parts) for n in asked}
    if values.keys() <= unreported.keys():
        return completed
    return completed | {n: v for n, v in values.items() if n not in unreported}  # the bounds of estimates


def _empty(name: str) -> Value:
    """What a figure is where nothing happened: there were no visitors, but there is no typical loading time."""
    metric = METRICS[name]
    return 0 if metric.adds_up or metric.unit is Unit.COUNT else None


def _unreported(name: str) -> Value:
    """What a figure is of a part that no row tells of: nobody reported that its ads were free of charge."""
    metric = METRICS[name]
    return None if isinstance(metric, Metric) and metric.is_reported else _empty(name)


def _valued(name: str, parts: Mapping[str, Value]) -> Value:
    metric = METRICS[name]
    if not isinstance(metric, Ratio):
        return parts[name]
    top, bottom = parts[metric.top], parts[metric.bottom]
    return None if top is None or not bottom else top * metric.scale / bottom - metric.less


def buckets(question: Question) -> list[Any]:
    """Every time bucket of a question split by one time dimension, also those without rows, in order."""
    zone, step = ZoneInfo(question.zone), question.by[0]
    if step in ("hour", "minute"):
        size = timedelta(hours=1) if step == "hour" else timedelta(minutes=1)
        count = int((question.until - question.since) / size)
        return [(question.since + size * i).astimezone(zone) for i in range(count)]
    first = question.since.astimezone(zone).date()
    last = (question.until - timedelta(microseconds=1)).astimezone(zone).date()
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    if step == "day":
        return list(days)
    starts = (d - timedelta(days=d.weekday()) if step == "week" else d.replace(day=1) for d in days)
    return list(dict.fromkeys(starts))


def series(question: Question, result: Result, metric: str) -> list[tuple[Any, Value]]:
    """One figure over time without holes: a bucket without rows holds 0 for counts and sums, else None."""
    zone = ZoneInfo(question.zone)
    by_bucket = {_bucket(row.key[0], zone): row.metrics[metric] for row in result.rows}
    return [(b, by_bucket.get(b, _empty(metric))) for b in buckets(question)]


def _bucket(key: Any, zone: ZoneInfo) -> Any:
    if isinstance(key, datetime):
        return key.astimezone(zone)
    return key
