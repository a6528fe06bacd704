"""What answers are remembered is bounded in bytes, so that wide questions do not fill the server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tandem.base.warehouse import Answer, Warehouse
from tandem.core.query import Question
from tandem.metrics.ask import Desk

SINCE = datetime(2026, 11, 1, tzinfo=UTC)
PAGES = 20_000


class Counting:
    """The real event store, and how often it was asked for figures."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse, self.cluster, self.asked = warehouse, "", 0

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
    return Question(site=1, zone="UTC", figures=("collect.pageviews",), since=SINCE, until=until, by=by, with_bots=True)


def test_a_wide_answer_is_not_remembered_and_a_small_one_is(store: Counting) -> None:
    desk = Desk(store, remember=1 << 20)  # type: ignore[arg-type]
    try:
        for _ in range(2):
            assert len(desk.ask(question(by=("page",))).rows) == PAGES
            assert desk.ask(question()).total["collect.pageviews"] == PAGES
        assert store.asked == 3, "the wide one twice, the small one once"
    finally:
        desk.close()


def test_answers_of_many_questions_stay_below_the_bound(store: Counting) -> None:
    desk = Desk(store, remember=24 << 20)  # type: ignore[arg-type]
    try:
        for days in range(1, 9):
            desk.ask(question(days, by=("page",)))
        assert store.asked == 8
        desk.ask(question(8, by=("page",)))
        desk.ask(question(1, by=("page",)))
        assert store.asked == 9, "the newest is remembered, the oldest is not"
    finally:
        desk.close()
