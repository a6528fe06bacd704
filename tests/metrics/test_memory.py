"""What answers are remembered is bounded in bytes, so that wide questions do not fill the server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tandem.accounts.model import Site
from tandem.base.remembered import size_of
from tandem.base.warehouse import Answer, Warehouse
from tandem.core.context import Context
from tandem.core.query import Question
from tandem.metrics.ask import CachedRunner
from tests.base.test_remembered import parts

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
PAGES = 20_000


class Counting:
    """The real event store, and how often it was asked for figures."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse, self.asked = warehouse, 0
        self.cluster, self.is_local, self.reloads = "", True, 0

    def ask(self, sql: str, params: Any = None) -> Answer:
        self.asked += "system.parts" not in sql
        return self._warehouse.ask(sql, params)


@pytest.fixture
def store(warehouse: Warehouse) -> Iterator[Counting]:
    warehouse.do(
        f"""insert into visit_rows (site, visitor, visit, started, ended, pageviews, views.at, views.path, views.status)
        select 1, number, number, toDateTime64('2026-11-01 10:00:00', 3, 'UTC') as s, s, 1, [s],
            [concat('/a/page/with/a/name/of/its/own/', toString(number))], [200]
        from numbers({PAGES})"""
    )
    yield Counting(warehouse)


def question(days: int = 1, by: tuple[str, ...] = ()) -> Question:
    until = SINCE + timedelta(days=days)
    return Question(site=1, zone="UTC", metrics=("collect.pageviews",), since=SINCE, until=until, by=by, with_bots=True)


def test_a_wide_answer_is_not_remembered_and_a_small_one_is(store: Counting) -> None:
    runner = CachedRunner(store, remember=1 << 20)  # type: ignore[arg-type]
    try:
        for _ in range(2):
            assert len(runner.ask(question(by=("page",))).rows) == PAGES
            assert runner.ask(question()).total["collect.pageviews"] == PAGES
        assert store.asked == 3, "the wide one twice, the small one once"
    finally:
        runner.close()


def test_answers_of_many_questions_stay_below_the_bound(store: Counting) -> None:
    runner = CachedRunner(store, remember=48 << 20)  # type: ignore[arg-type]
    try:
        for days in range(1, 9):
            runner.ask(question(days, by=("page",)))
        assert store.asked == 8
        runner.ask(question(8, by=("page",)))
        runner.ask(question(1, by=("page",)))
        assert store.asked == 9, "the newest is remembered, the oldest is not"
    finally:
        runner.close()


def test_what_is_made_of_answers_shares_their_room(store: Counting) -> None:
    runner, made = CachedRunner(store, remember=4 << 20), list[str]()  # type: ignore[arg-type]

    def kept(name: str, rows: int) -> int:
        return len(runner.kept(name, lambda: [parts(rows), made.append(name)][0]))

    def held() -> int:
        return sum(size_of(one.made) for one in runner._memory._kept.values())

    try:
        runner.ask(question())
        for name in ("small", "wide", "small", "wide"):
            assert kept(name, 10 if name == "small" else 20_000) in (10, 20_000)
        assert made == ["small", "wide", "wide"], "what takes more than half of the room is made again"
        for n in range(40):
            kept(f"middling {n}", 1_000)
            assert held() <= 4 << 20
        del made[:]
        assert (kept("middling 39", 0), kept("middling 0", 1_000)) == (1_000, 1_000)
        assert made == ["middling 0"], "the newest is remembered, the oldest is not"
        runner.ask(question())
        assert store.asked == 2, "answers had to go too: there is one room for all"
    finally:
        runner.close()


def test_what_was_made_of_older_data_is_made_again_and_takes_no_room(store: Counting) -> None:
    runner = CachedRunner(store)  # type: ignore[arg-type]
    try:
        assert runner.kept("one", lambda: 1) == runner.kept("one", lambda: 2) == 1
        store._warehouse.do(
            "insert into visit_rows (site, visitor, visit, started, ended) values (2, 1, 1, now64(3), now64(3))"
        )
        runner.look_again()
        assert (runner.kept("one", lambda: 3), len(runner._memory)) == (3, 1)
    finally:
        runner.close()


def test_who_is_one_person_is_asked_again_once_the_map_is_read(ctx: Context, site: Site) -> None:
    """Rows of the map are written first and read into it afterwards: what is asked in between must not stay."""
    columns = "(id UInt64, one UInt8 default 1)"
    ctx.warehouse.do(f"create table if not exists map_told {columns} engine = MergeTree order by id")
    ctx.warehouse.do(
        "create or replace dictionary map_read (id UInt64, one UInt8) primary key id "
        "source(clickhouse(table 'map_told')) layout(hashed()) lifetime(0)"
    )
    try:
        ctx.warehouse.insert("map_told", {"id": [7]})
        ctx.warehouse.reload("map_read")
        ctx.warehouse.insert("map_told", {"id": [8]})

        def kept() -> int:
            ctx.runner.look_again()
            asked = "select toUInt64(dictHas('map_read', toUInt64(8))) as known"
            return int(ctx.runner.kept("map", lambda: ctx.warehouse.value(asked)))

        assert kept() == 0
        ctx.warehouse.reload("map_read")
        assert kept() == 1
    finally:
        ctx.warehouse.do("drop dictionary if exists map_read")
        ctx.warehouse.do("drop table if exists map_told")


def test_rows_that_are_deleted_change_what_is_remembered(warehouse: Warehouse) -> None:
    runner = CachedRunner(warehouse)
    warehouse.insert("ad_rows", {"site": [1, 1, 1], "load": [7, 8, 9]})
    count = "select count() from ad_rows"
    try:
        for left in (3, 2, 1, 0):
            runner.look_again()
            assert runner.kept("rows", lambda: warehouse.value(count)) == left
            warehouse.do(f"delete from ad_rows where load = {10 - left}")  # rows of the same part each time
    finally:
        runner.close()
