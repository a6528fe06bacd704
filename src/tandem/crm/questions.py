"""What the page asks: figures of the catalogue in total and by a split, stages, and what is owed."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tandem.accounts.house import House
from tandem.base import clock
from tandem.base.warehouse import sql_text
from tandem.metrics.address import Address

HERE = Path(__file__).parent
TILES = ("crm.leads", "crm.qualified_rate", "crm.won", "crm.revenue", "crm.win_rate", "crm.average_deal",
         "crm.time_to_win", "crm.margin")  # fmt: skip
HEADLINE = (*TILES, "crm.qualified", "crm.sourceless", "crm.sourceless_share", "crm.unpriced", "crm.costed_share")
COLUMNS = ("crm.leads", "crm.qualified_rate", "crm.won", "crm.revenue", "crm.average_deal", "crm.win_rate")
SPLITS = {
    "channel": ("Channels", "source"),
    "source": ("Sources", "campaign"),
    "campaign": ("Campaigns", "term"),
    "term": ("Keywords", ""),
    "responsible": ("Responsible", ""),
    "crm_system": ("CRM", ""),
    "known_by": ("Source known by", ""),
}
"""How deals can be split: the tab's title, and the split that a click on a row leads to."""
FILTER_BY = ("channel", "source", "medium", "campaign", "term", "stage", "pipeline", "responsible", "known_by")
SHOWN = 10
WAITED = timedelta(hours=1)
STILL = timedelta(days=14)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One stage: how many records have ever been there, how many stand there now, and what these are worth."""

    kind: str
    pipeline: str
    stage: str
    means: str
    reached: int
    standing: int
    worth: Decimal


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """A record on which somebody owes something; `records` and `worth` are of all such records."""

    issue: str
    records: int
    worth: Decimal | None
    deal: int
    system: str
    ref: str
    at: datetime
    stage: str
    responsible: str
    amount: Decimal | None
    person: int
    last_moved: datetime


def stages(house: House, address: Address) -> list[Step]:
    return house.warehouse.rows(sql("funnel"), Step, **span_of(address))


def owed(house: House, address: Address) -> dict[str, list[Owed]]:
    """What somebody owes on the records of this time, by issue; at most twenty records each."""
    found: dict[str, list[Owed]] = {}
    for row in house.warehouse.rows(sql("hygiene"), Owed, **bound(address)):
        found.setdefault(row.issue, []).append(row)
    return found


def span_of(address: Address) -> dict[str, Any]:
    return {"site": address.site.id, "since": address.period.since, "until": address.period.until}


def bound(address: Address) -> dict[str, Any]:
    """The bound values of the page's own questions."""
    now = clock.now()
    return {**span_of(address), "waited": now - WAITED, "still": now - STILL}


def sql(name: str) -> str:
    return sql_text(HERE / "sql" / f"{name}.sql")
