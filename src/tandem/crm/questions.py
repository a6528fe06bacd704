"""What the page asks: figures of the catalogue in total and by a split, stages, and what is owed."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from tandem.accounts.house import House
from tandem.base import clock
from tandem.base.warehouse import sql_text
from tandem.metrics.address import Address
from tandem.metrics.ask import Desk, Filter, Value
from tandem.metrics.catalogue import FIGURES
from tandem.metrics.metric import Figure

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


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The page's address with all of its state, and the links that change one part of it."""

    path: str
    address: Address
    keep: dict[str, str]

    def link(self, **changed: str | None) -> str:
        return f"{self.path}?{self.address.query(**(self.keep | changed))}"

    def to(self, path: str, **changed: str | None) -> str:
        return f"{path}?{self.address.query(**changed)}"

    def narrowed(self, by: str, value: str, /, **changed: str | None) -> str:
        """This page, for this value only."""
        kept = (*(f for f in self.address.where if f.by != by), Filter(by, "is", (value,)))
        return self._where(kept).link(**changed)

    def without(self, gone: Filter) -> str:
        return self._where(tuple(f for f in self.address.where if f != gone)).link()

    @property
    def unfiltered(self) -> str:
        return self._where(()).link()

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """The state as hidden fields of a form."""
        return parse_qsl(self.link().partition("?")[2], keep_blank_values=True)

    def _where(self, where: tuple[Filter, ...]) -> "View":
        return msgspec.structs.replace(self, address=msgspec.structs.replace(self.address, where=where))


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table; `share` is its part of the most leads, for the bar in the cell."""

    key: str
    values: list[Value]
    share: float


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Leads and what became of them by one split."""

    by: str
    figures: list[Figure]
    rows: list[Line]
    total: int


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


def fitting(address: Address) -> Address:
    """The address with the filters that suit deals."""
    splits = FIGURES["crm.leads"].by  # type: ignore[union-attr]
    return msgspec.structs.replace(address, where=tuple(f for f in address.where if f.by in splits))


def totals(house: House, address: Address) -> tuple[dict[str, Value], dict[str, Value]]:
    """The headline's figures, and those of the time to compare with."""
    asked = [address.question(HEADLINE)]
    if address.before:
        asked.append(address.question(HEADLINE, period=address.before))
    results = _desk(house).ask_all(asked)
    nothing: dict[str, Value] = dict.fromkeys(HEADLINE)
    return nothing | results[0].total, nothing | (results[1].total if len(results) > 1 else {})


def table(house: House, address: Address, by: str, most: int = SHOWN) -> Table:
    """Leads by a split, most first."""
    rows = [r for r in _desk(house).ask(address.question(COLUMNS, (by,))).rows if any(r.figures.values())]
    rows.sort(key=lambda r: (-(r.figures["crm.leads"] or 0), -(r.figures["crm.revenue"] or 0), str(r.key[0])))
    largest = max((r.figures["crm.leads"] or 0 for r in rows), default=0) or 1
    lines = [
        Line(key=str(r.key[0]), values=[r.figures[f] for f in COLUMNS], share=(r.figures["crm.leads"] or 0) / largest)
        for r in rows[:most]
    ]
    return Table(by=by, figures=[FIGURES[f] for f in COLUMNS], rows=lines, total=len(rows))


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


def _desk(house: House) -> Desk:
    desk: Desk = house.parts["desk"]
    return desk
