"""What the page asks: figures of the catalogue in total and by a split, stages, and hygiene."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from tandem.accounts.model import Site
from tandem.base.currencies import currency_codes
from tandem.connections.model import Connection
from tandem.core.context import Context
from tandem.crm import store
from tandem.crm.model.mapping import stage_key
from tandem.crm.sources.api import Stage
from tandem.crm.store.mappings import Chosen
from tandem.metrics.address import Address
from tandem.metrics.tabs import Tab

TILES = ("crm.leads", "crm.qualified_rate", "crm.won", "crm.revenue", "crm.win_rate", "crm.average_deal",
         "crm.time_to_win", "crm.margin")  # fmt: skip
HEADLINE = (
    *TILES,
    "crm.deals",
    "crm.qualified",
    "crm.sourceless",
    "crm.sourceless_share",
    "crm.unpriced",
    "crm.costed_share",
)
COLUMNS = (
    "crm.leads",
    "crm.qualified",
    "crm.qualified_rate",
    "crm.won",
    "crm.revenue",
    "crm.average_deal",
    "crm.win_rate",
)
_SPLITS = (
    ("channels", "Channels", "channel", "sources", ""),
    ("sources", "Sources", "source", "campaigns", ""),
    ("campaigns", "Campaigns", "campaign", "keywords", ""),
    ("keywords", "Keywords", "term", "", ""),
    ("responsible", "Responsible", "responsible", "", ""),
    ("crms", "CRM", "crm_system", "", ""),
    ("known_by", "Source known from", "known_by", "", "nothing"),
    ("lost_reasons", "Reasons of losses", "lost_reason", "", ""),
    ("pipelines", "Pipelines", "pipeline", "", ""),
)
TABLES = {
    id: Tab(id=id, title=title, by=by, metrics=COLUMNS, group="sources", drill=drill, then="crm.revenue",
            nameless=nameless)
    for id, title, by, drill, nameless in _SPLITS
}  # fmt: skip
FILTER_BY = ("channel", "source", "medium", "campaign", "term", "stage", "pipeline", "responsible", "known_by",
             "lost_reason")  # fmt: skip
OUTCOMES = ("stage", "stage_kind", "lost_reason")
"""What a record has come to."""
OF_OUTCOMES = ("crm.qualified_rate", "crm.win_rate")
"""Shares of records that came to something: among records chosen by what they came to they say nothing."""
SHOWN, MOST, MOST_IN_FILE = 10, 1_000, 100_000
ORDERS = ("at", "amount")
WAITED = timedelta(hours=1)
STILL = timedelta(days=14)


class FunnelStep(msgspec.Struct, frozen=True, kw_only=True):
    """One stage: how many records have ever been there, how many stand there now, and what these are worth."""

    kind: str
    pipeline: str
    stage: str
    means: str
    reached: int
    standing: int
    worth: Decimal


class Hygiene(msgspec.Struct, frozen=True, kw_only=True):
    """A record on which somebody owes something; `records` and `worth` are of all such records."""

    issue: str
    records: int
    worth: Decimal | None
    deal: int
    kind: str
    system: str
    ref: str
    at: datetime
    stage: str
    channel: str
    responsible: str
    amount: Decimal | None
    person: int
    last_moved: datetime


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """How a reader wants the list of what is owed: one issue or all, and its order."""

    issue: str = ""
    sort: str = "at"
    is_rising: bool = False
    most: int = SHOWN

    def rows(self, hygiene: Mapping[str, Sequence[Hygiene]]) -> list[Hygiene]:
        """The rows of that list. Records without an amount stand last either way."""
        found = [row for issue, rows in hygiene.items() if self.issue in ("", issue) for row in rows]
        found.sort(key=lambda row: (row.at, row.deal, row.issue), reverse=not (self.is_rising and self.sort == "at"))
        if self.sort == "amount":
            sign = 1 if self.is_rising else -1
            found.sort(key=lambda row: (row.amount is None, sign * (row.amount or 0)))
        return found


def shown_of(metrics: tuple[str, ...], address: Address, by: str = "") -> tuple[str, ...]:
    """Those of these figures that say something where the page is filtered so, and split `by`."""
    is_by_outcome = by in OUTCOMES or any(f.by in OUTCOMES for f in address.where)
    return tuple(f for f in metrics if f not in OF_OUTCOMES) if is_by_outcome else metrics


def stages(ctx: Context, address: Address) -> list[FunnelStep]:
    return ctx.runner.rows(store.SQL["funnel"], FunnelStep, **address.bound)


class KnownStage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage that can be given a meaning: as its CRM lists it, and as records have been in it."""

    key: str
    kind: str
    stage: str
    label: str
    pipeline: str
    means: str
    records: int


def stages_known(
    ctx: Context, site: Site, connection: Connection, listed: Sequence[Stage], chosen: Chosen
) -> list[KnownStage]:
    """The stages of a connection: those that the CRM lists, in its order, and others that records have been in."""
    by_key = {stage_key(s.kind, s.stage): s for s in listed}
    found = {}
    for row in store.asked(ctx, "stages_seen", site, connection=connection.id):
        key = stage_key(row["kind"], row["stage"])
        seen = by_key.get(key) or Stage(kind=row["kind"], stage=row["stage"], label=chosen.names.get(key, row["stage"]))
        found[key] = (seen, row["means"], row["records"])
    everything = {key: (s, s.means, 0) for key, s in by_key.items()} | found
    return [
        KnownStage(key=key, kind=s.kind, stage=s.stage, label=s.label, pipeline=s.pipeline,
              means=chosen.stages.get(key, means), records=records)
        for key, (s, means, records) in everything.items()
    ]  # fmt: skip


class Unexplained(msgspec.Struct, frozen=True, kw_only=True):
    """Records of a connection whose stage, or the currency of whose amount, nobody has explained.

    words   some of these currencies, as the records name them; `NO_CURRENCY` where they name none
    """

    connection: int
    staged: int
    stages: int
    priced: int
    words: list[str]


def unexplained(ctx: Context, site: Site) -> dict[int, Unexplained]:
    """What nobody has explained of all records, by their connection."""
    rows = ctx.runner.rows(store.SQL["unexplained"], Unexplained, site=site.id, currencies=currency_codes())
    return {row.connection: row for row in rows}


def hygiene(ctx: Context, address: Address, most: int = SHOWN) -> dict[str, list[Hygiene]]:
    """What is wrong with the records of this period, by issue; at most so many records each."""
    found: dict[str, list[Hygiene]] = {}
    for row in ctx.runner.rows(store.SQL["hygiene"], Hygiene, **bound(address), most=most):
        found.setdefault(row.issue, []).append(row)
    return found


def bound(address: Address) -> dict[str, Any]:
    """The bound values of the page's own questions."""
    return {**address.bound, "waited": address.now - WAITED, "still": address.now - STILL}
