"""When an unexplained difference is worth a person's time: more than 5%, over days with enough volume."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from tandem.reconcile.model.compare import NOTHING, Cell, share_of

TOO_MUCH: Final = Decimal("0.05")
ENOUGH_COUNT: Final = Decimal(100)
"""Under a hundred of anything, 5% is less than chance alone moves it from day to day."""
ENOUGH_MONEY_EUR: Final = Decimal(100)
SETTLES_DAYS: Final = 2
"""Outside systems still correct the last two days, so these raise nothing."""


class Excess(msgspec.Struct, frozen=True, kw_only=True):
    """Days of one part on which too much is unexplained, added up."""

    part: str
    first_on: date
    last_on: date
    days: int
    theirs: Decimal
    ours: Decimal
    unexplained: Decimal

    @property
    def share(self) -> Decimal:
        return share_of(self.unexplained, self.theirs, self.ours)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """An excess that is kept: since when, how large, and how it was settled.

    state   open, settled (a person explained it), gone (the days no longer show it)
    """

    id: int
    site_id: int
    source: str
    figure: str
    split: str
    part: str
    first_on: date
    last_on: date
    days: int
    theirs: Decimal
    ours: Decimal
    unexplained: Decimal
    raised_at: datetime
    state: str
    settled_by: int | None
    settled_at: datetime | None
    note: str

    @property
    def share(self) -> Decimal:
        return share_of(self.unexplained, self.theirs, self.ours)


def is_too_much(cell: Cell, enough: Decimal) -> bool:
    """Whether a day and part is large enough, and more than 5% of it is unexplained."""
    return max(abs(cell.theirs), abs(cell.ours)) >= enough and cell.share > TOO_MUCH


def excesses(cells: Iterable[Cell], enough: Decimal, until: date) -> dict[str, list[Cell]]:
    """The days that are too much, by part, up to the last day that has settled."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.on <= until and is_too_much(cell, enough):
            found[cell.part].append(cell)
    return found


def summed(part: str, cells: list[Cell]) -> Excess:
    days = sorted(cell.on for cell in cells)
    return Excess(
        part=part, first_on=days[0], last_on=days[-1], days=len(days),
        theirs=sum((c.theirs for c in cells), NOTHING), ours=sum((c.ours for c in cells), NOTHING),
        unexplained=sum((c.unexplained for c in cells), NOTHING),
    )  # fmt: skip
