"""Visits written straight into the event store, and outside figures brought in as text."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any, NamedTuple

import pytest

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.warehouse import Warehouse
from tandem.core.context import Context
from tandem.imports.uploads import on_disk
from tandem.reconcile import jobs, queries, store
from tandem.reconcile.model.compare import Cell
from tandem.reconcile.model.rules import CountingRules
from tandem.reconcile.sources.report import ReportHints

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 14)
PLAIN = CountingRules()


class Visit(NamedTuple):
    """One visit; `orders` are number and amount; `goals` are goals by their number."""

    visitor: int
    at: datetime
    channel: str = "Direct"
    bot: str = ""
    loyalty: str = "new"
    pageviews: int = 1
    orders: tuple[tuple[str, int], ...] = ()
    goals: tuple[int, ...] = ()
    campaign: str = ""
    click: str = ""


def put(warehouse: Warehouse, site: int, visits: list[Visit]) -> None:
    """The visits as the loader would have written them."""
    n, times = len(visits), [v.at for v in visits]
    warehouse.insert(
        "visit_rows",
        {
            "site": [site] * n, "visit": list(range(1, n + 1)), "visitor": [v.visitor for v in visits],
            "started": times, "ended": times, "opened": times, "chain_started": times, "version": [1] * n,
            "channel": [v.channel for v in visits], "source": [v.channel.lower() for v in visits],
            "medium": ["m"] * n, "campaign": [v.campaign for v in visits],
            "click": [v.click for v in visits], "bot": [v.bot for v in visits],
            "loyalty": [v.loyalty for v in visits], "pageviews": [v.pageviews for v in visits],
            "orders": [len(v.orders) for v in visits],
            "revenue": [Decimal(sum(amount for _, amount in v.orders)) for v in visits],
            "conversions": [len(v.goals) for v in visits],
            "views.at": [[v.at + timedelta(seconds=i) for i in range(v.pageviews)] for v in visits],
            "views.path": [["/"] * v.pageviews for v in visits],
            "views.status": [[200] * v.pageviews for v in visits],
            "goals.at": [[v.at + timedelta(seconds=i) for i in range(len(v.goals))] for v in visits],
            "goals.goal": [list(v.goals) for v in visits], "goals.path": [["/thanks"] * len(v.goals) for v in visits],
            "goals.amount": [[Decimal(0)] * len(v.goals) for v in visits],
            "hits.at": [[v.at] * len(v.orders) for v in visits],
            "hits.kind": [["event"] * len(v.orders) for v in visits],
            "hits.name": [["order"] * len(v.orders) for v in visits],
            "hits.path": [["/"] * len(v.orders) for v in visits],
            "hits.engaged_ms": [[0] * len(v.orders) for v in visits],
            "hits.scroll": [[0] * len(v.orders) for v in visits],
            "hits.amount": [[Decimal(amount) for _, amount in v.orders] for v in visits],
            "hits.props": [[{"order": number} for number, _ in v.orders] for v in visits],
        },
    )  # fmt: skip


def noon(on: date = DAY, hour: float = 10) -> datetime:
    """A moment of a day in UTC; 10 o'clock is the same day in Warsaw and in New York."""
    return datetime(on.year, on.month, on.day, tzinfo=UTC) + timedelta(hours=hour)


def several(count: int, at: datetime | None = None, first: int = 1, **more: Any) -> list[Visit]:
    """So many visits of as many visitors at one moment."""
    return [Visit(first + i, at or noon(), **more) for i in range(count)]


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """A fixed now."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return NOW


Bring = Callable[..., store.ReportImport]


@pytest.fixture
def bring(ctx: Context, site: Site, today: datetime) -> Bring:
    """Brings a report in and, unless told otherwise, lets it count."""
    count = 0

    def bring_(text: str | bytes, confirm: bool = True, name: str = "", **hints: Any) -> store.ReportImport:
        nonlocal count
        count += 1
        body = text if isinstance(text, bytes) else text.encode()
        with on_disk(BytesIO(body)) as path:
            held = jobs.read_file(ctx, site, path, name or f"report-{count}.csv", ReportHints(**hints))
        return store.confirm(ctx.database, site, held) if confirm and held.state == "staged" else held

    return bring_


def cells(
    ctx: Context, site: Site, rules: CountingRules = PLAIN, figure: str = "sessions", split: str = "day",
    source: str = "",
    first: date = DAY - timedelta(days=5), last: date = DAY + timedelta(days=5),
) -> list[Cell]:  # fmt: skip
    """The comparison of one figure by these rules."""
    ctx.runner.look_soon()
    known = queries.sources(ctx, site)
    one = next(s for s in known if s.id == source) if source else known[0]
    return queries.compare(ctx, site, one, figure, split, rules, first, last).cells


def checked(found: list[Cell]) -> list[Cell]:
    """The cells, each of which adds up to the last digit."""
    for cell in found:
        assert cell.theirs - cell.ours == sum(cell.reasons.values(), Decimal(0)) + cell.unexplained, cell
    return found
