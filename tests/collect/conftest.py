"""Small stories for the loader: who did what when, and what visits the store makes of it."""

import itertools
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.accounts.tables import sites
from tandem.base.clock import to_ms
from tandem.base.warehouse import Warehouse
from tandem.collect.loader import Loader
from tandem.collect.model.goal import Goal
from tandem.collect.model.hit import Record, SpoolEvent
from tandem.core.context import Context
from tests.golden import naive
from tests.golden.rows import CHROME

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
_ids = itertools.count(1)
_batches = itertools.count(1)
Seen = tuple[Any, ...]


def told(
    site: int,
    visitor: int,
    at: datetime,
    kind: str = "pageview",
    path: str = "/",
    *,
    query: str = "",
    referrer: str = "",
    name: str = "",
    engaged_ms: int = 0,
    value: float = 0,
    amount: str = "",
    currency: str = "",
    event_id: int = 0,
    before: int = 0,
    born: int = 0,
    received: datetime | None = None,
    marks: Iterable[str] = (),
    agent: str = CHROME,
    country: str = "PL",
    nth: int = 0,
) -> Record:
    """One event in a record of its own."""
    event = SpoolEvent(
        id=event_id or next(_ids),
        kind=kind,
        at=to_ms(at),
        host="shop.example",
        path=path,
        query=query,
        referrer=referrer,
        name=name,
        props={},
        engaged_ms=engaged_ms,
        scroll=0,
        value=value,
        amount=amount,
        currency=currency,
        status=0,
        marks=list(marks),
        nth=nth,
    )
    return Record(
        site=site,
        received=to_ms(received or at),
        visitor=visitor,
        before=before,
        born=born,
        agent=agent,
        language="en",
        width=1200,
        country=country,
        city="",
        network="",
        events=[event],
        refused={},
    )


VISITS = """
select visitor, started,
    arraySort(arrayConcat(
        arrayMap((at, path) -> (at, 'pageview', path), `views.at`, `views.path`),
        arrayMap((at, path) -> (at, 'vital', path), `vitals.at`, `vitals.path`),
        arrayMap((at, kind, path) -> (at, toString(kind), path), `hits.at`, `hits.kind`, `hits.path`)
    )),
    pageviews, engaged_ms, is_engaged, orders, toFloat64(revenue), conversions, channel, source, medium, campaign,
    loyalty, bot, entry, exit, host, country
from visit_rows final where site = {site:UInt32}
"""


def visits_in(warehouse: Warehouse, site: int) -> list[Seen]:
    """The visits as the store has them; what happened at the same moment in the order of its kind."""
    rows = warehouse.ask(VISITS, {"site": site}).rows
    return sorted(
        (r[0], _utc(r[1]), *_apart([(_utc(at), kind, path) for at, kind, path in r[2]]), *r[3:]) for r in rows
    )


def _apart(hits: list[tuple[datetime, str, str]]) -> tuple[tuple[Any, ...], ...]:
    found = sorted(hits)
    return tuple(tuple(hit[i] for hit in found) for i in range(3))


def visits_by_loops(records: Iterable[Record], site: Site, goals: list[Goal] | None = None) -> list[Seen]:
    """The same by the second opinion."""
    found = [
        (
            v["visitor"],
            v["at"],
            *_apart([(h["at"], h["kind"], h["event"].path) for h in v["hits"]]),
            v["pageviews"],
            int(v["engaged_ms"]),
            int(v["is_engaged"]),
            v["orders"],
            float(v["revenue"]),
            v["conversions"],
            v["channel"],
            v["source"],
            v["medium"],
            v["campaign"],
            v["loyalty"],
            v["bot"],
            v["entry"],
            v["exit"],
            v["host"],
            v["country"],
        )
        for v in naive.visits_of(records, site, goals or [])
    ]
    return sorted(found)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def ledger(warehouse: Warehouse, site: int) -> dict[str, int]:
    sql = "select outcome, sum(count) from reception where site = {site:UInt32} group by outcome"
    return {outcome: int(count) for outcome, count in warehouse.ask(sql, {"site": site}).rows}


@pytest.fixture
def loader(ctx: Any, site: Site, tmp_path: Any) -> Loader:
    """A loader of an empty spool folder."""
    folder = tmp_path / "spool"
    folder.mkdir()
    return Loader(ctx.warehouse, ctx.database, folder)


Load = Callable[..., None]


@pytest.fixture
def load(loader: Loader) -> Load:
    """Load these records as one batch."""
    return lambda *records: [loader.load(list(records), f"batch-{next(_batches)}"), None][1]


MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


# ── every test has sites of its own, so that nothing need be emptied between tests ──

_sites = itertools.count(50_000, 10)


@pytest.fixture
def warehouse(shared_warehouse: Warehouse) -> Warehouse:
    return shared_warehouse


@pytest.fixture
def site(ctx: Context) -> Site:
    """A site in Warsaw with an id that no other test uses."""
    workspace = accounts.make_workspace(ctx.database, "Fern")
    made = accounts.add_site(
        ctx.database, workspace, "fern", "Fern", ["shop.example"], "Europe/Warsaw", "EUR", "cookie"
    )
    with ctx.database.write() as connection:
        connection.execute(update(sites).where(sites.c.id == made.id).values(id=next(_sites)))
    ctx.forget_sites()
    return ctx.sites()["fern"]
