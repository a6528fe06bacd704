"""What a batch takes grows with its hits, and not with their square, whatever a stranger makes them of."""

import itertools
import sys
from collections.abc import Callable
from datetime import timedelta
from types import FrameType
from typing import Any

import pytest

from tandem.accounts.model import Site
from tandem.base.clock import to_ms
from tandem.base.warehouse import Warehouse
from tandem.collect import store
from tandem.collect.loader import Loader
from tandem.collect.model.hit import Record
from tests.collect.conftest import DAY, MINUTE, NOON, Load, told

HITS = 400
ROOM = itertools.count(10**9, 10**9)


def moment(nth: int, hits: int) -> timedelta:
    """Six days before noon are as many as a browser may look back."""
    return 6 * DAY * nth / hits


# Of the nth hit of so many, all of them by visitors from `one` on.
SHAPES: dict[str, Callable[[int, int, int, int], Record]] = {
    "two ids of one browser, with consent and without": lambda site, one, nth, hits: told(
        site, one + nth % 2, NOON - 6 * DAY + moment(nth, hits), before=one + 1 if nth % 2 == 0 else 0, received=NOON
    ),
    "the same, the newest first": lambda site, one, nth, hits: told(
        site, one + nth % 2, NOON - moment(nth, hits), before=one + 1 if nth % 2 == 0 else 0, received=NOON
    ),
    "a chain of ids, each in place of the last": lambda site, one, nth, hits: told(
        site, one + nth + 1, NOON + timedelta(milliseconds=nth), before=one + nth
    ),
    "one visitor with many visits": lambda site, one, nth, hits: told(
        site, one, NOON - moment(nth, hits), query=f"utm_source={nth}", received=NOON
    ),
    "one visit, sent again": lambda site, one, nth, hits: told(
        site, one, NOON + timedelta(milliseconds=nth), event_id=one + nth // 2, marks=["retried"]
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_four_times_the_hits_are_four_times_the_work(loader: Loader, site: Site, shape: str) -> None:
    """20,000 hits of a browser that had just got a cookie held the loader for 20 seconds, 80,000 for minutes."""
    few, many = (lines_run(loader, site, shape, hits) for hits in (HITS, 4 * HITS))
    assert many < 5 * few


def lines_run(loader: Loader, site: Site, shape: str, hits: int) -> int:
    """How many lines of the collector run to load a batch of this shape: a loop within a line is run once a turn."""
    one, count, before = next(ROOM), 0, sys.gettrace()
    records = [SHAPES[shape](site.id, one, nth, hits) for nth in range(hits)]

    def step(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        if not frame.f_globals.get("__name__", "").startswith("tandem.collect"):
            return None
        count += 1
        return step

    sys.settrace(step)
    try:
        loader.load(records, f"{shape}-{one}")
    finally:
        sys.settrace(before)
    return count


IDS = 140_000


def test_as_many_ids_as_a_batch_may_hold_are_asked_for_at_once(
    loader: Loader, site: Site, load: Load, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For more than 2**17 the engine took a minute, so the batch failed: hits marked as sent again were enough."""
    ask, named = Warehouse.ask, list[int]()

    def noting(self: Warehouse, sql: str, params: Any = None, **settings: Any) -> Any:
        named.extend(len(value) for value in (params or {}).values() if isinstance(value, list))
        return ask(self, sql, params, **settings)

    monkeypatch.setattr(Warehouse, "ask", noting)
    first, last = next(ROOM), next(ROOM)
    load(told(site.id, first, NOON, event_id=first), told(site.id, last, NOON + MINUTE, event_id=last))
    ids = [first, *range(last - IDS, last + 1)]
    near = store.mark_stale(warehouse, {1: NOON})
    stored, twins = store.stored_already(warehouse, site, near, (NOON, NOON), ids)
    assert (stored, twins) == ({(store.ANYBODY, first), (store.ANYBODY, last)}, {})
    spans = store.active_spans(warehouse, site, ids, to_ms(NOON))
    assert spans == {first: [(NOON, NOON)], last: [(NOON + MINUTE, NOON + MINUTE)]}
    store.take_back(warehouse, site, [(one, one) for one in ids])
    left = "select count() from events where site = {site:UInt32}"
    assert warehouse.value(left, site=site.id) == 0
    assert sum(named) >= 3 * IDS and max(named) <= 2**16
