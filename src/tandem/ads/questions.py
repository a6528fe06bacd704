"""What the page asks: figures of the catalogue over time and by a split, and what could not be matched."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import msgspec

from tandem.accounts.house import House
from tandem.base import clock
from tandem.base.warehouse import sql_text
from tandem.metrics.address import Address
from tandem.metrics.ask import Desk, Filter, Value, series
from tandem.metrics.catalogue import FIGURES
from tandem.metrics.metric import Figure, Metric, Ratio

HERE = Path(__file__).parent
HEADLINE = ("ads.cost", "ads.clicks", "ads.visits", "ads.cpc", "ads.matched_cost_share", "ads.matched_visit_share")
COLUMNS = (
    "ads.cost", "ads.clicks", "ads.ctr", "ads.cpc", "ads.visits", "ads.cost_per_visit", "ads.matched_cost_share",
)  # fmt: skip
SPLITS = {
    "channel": ("Channels", "campaign"),
    "ad_system": ("Ad systems", "campaign"),
    "campaign": ("Campaigns", "ad_group"),
    "ad_group": ("Ad groups", "term"),
    "ad": ("Ads", ""),
    "term": ("Keywords", ""),
}
"""How the cost can be split: the table's title, and the split that a click on a row leads to."""

SHOWN, MOST = 10, 100_000


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
        return self._where((*(f for f in self.address.where if f.by != by), Filter(by, "is", (value,)))).link(**changed)

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
    """One row of the table; `share` is its part of the largest cost, for the bar in the cell."""

    key: str
    values: list[Value]
    share: float


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The cost by one split."""

    by: str
    figures: list[Figure]
    rows: list[Line]
    total: int


class CostLeft(msgspec.Struct, frozen=True, kw_only=True):
    """Cost of a campaign on days without a visit of it."""

    system: str
    campaign: str
    campaign_id: str
    cost: Decimal
    clicks: int
    days: int


class VisitsLeft(msgspec.Struct, frozen=True, kw_only=True):
    """Paid visits that were matched to no cost, or by the click id only."""

    system: str
    source: str
    medium: str
    tag: str
    matched_by: str
    visits: int


def desk_of(house: House) -> Desk:
    desk: Desk = house.parts["desk"]
    return desk


def fitting(address: Address) -> Address:
    """The address with the filters that suit cost."""
    return msgspec.structs.replace(address, where=tuple(f for f in address.where if f.by in _splits("ads.cost")))


def totals(house: House, address: Address) -> tuple[dict[str, Value], dict[str, Value]]:
    """The headline's figures, and those of the time to compare with; None for what the filters do not suit."""
    figures = _suiting(HEADLINE, address)
    asked = [address.question(figures)]
    if address.before:
        asked.append(address.question(figures, period=address.before))
    results = desk_of(house).ask_all(asked)
    nothing: dict[str, Value] = dict.fromkeys(HEADLINE)
    return nothing | results[0].total, nothing | (results[1].total if len(results) > 1 else {})


def course(house: House, address: Address) -> list[tuple[date, Value]]:
    """The cost over the period, by day, week or month. After the last day with cost nothing is known yet, not zero."""
    step = address.period.step if address.period.step != "hour" else "day"
    question = address.question(("ads.cost",), (step,))
    today = clock.now().astimezone(ZoneInfo(address.site.zone)).date()
    points = [(on, v) for on, v in series(question, desk_of(house).ask(question), "ads.cost") if on <= today]
    last = max((on for on, value in points if value), default=today)
    return [(on, value if on <= last else None) for on, value in points]


def table(house: House, address: Address, by: str, most: int = SHOWN) -> Table:
    """The cost by a split, dearest first."""
    figures = [f for f in _suiting(COLUMNS, address) if by in _splits(f)]
    rows = [r for r in desk_of(house).ask(address.question(tuple(figures), (by,))).rows if any(r.figures.values())]
    largest = max((r.figures["ads.cost"] or 0 for r in rows), default=0) or 1
    lines = [
        Line(key=str(r.key[0]), values=[r.figures[f] for f in figures],
             share=max(0.0, (r.figures["ads.cost"] or 0) / largest))
        for r in rows[:most]
    ]  # fmt: skip
    return Table(by=by, figures=[FIGURES[f] for f in figures], rows=lines, total=len(rows))


def left_over(house: House, address: Address) -> tuple[list[CostLeft], list[VisitsLeft]]:
    """What could not be matched, whatever the filters: nothing of it is spread over anything else."""
    bound = span_of(address)
    costs = house.warehouse.rows(sql("unmatched_cost"), CostLeft, **bound)
    visits = house.warehouse.rows(sql("unmatched_visits"), VisitsLeft, **bound)
    return costs, visits


def span_of(address: Address) -> dict[str, int | datetime]:
    """The bound values of the page's own questions."""
    return {"site": address.site.id, "since": address.period.since, "until": address.period.until}


def sql(name: str) -> str:
    return sql_text(HERE / "sql" / f"{name}.sql")


def _suiting(figures: tuple[str, ...], address: Address) -> tuple[str, ...]:
    return tuple(f for f in figures if all(w.by in _splits(f) for w in address.where))


def _splits(name: str) -> frozenset[str]:
    """The splits that are true for a figure: of a ratio, those true for both of its parts."""
    figure: Any = FIGURES[name]
    if isinstance(figure, Ratio):
        return _splits(figure.top) & _splits(figure.bottom)
    assert isinstance(figure, Metric)
    return frozenset(figure.by)
