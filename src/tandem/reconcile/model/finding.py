"""When an unexplained difference is worth a person's time: more than 5%, over days with enough volume."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode

import msgspec

from tandem.findings.model import Failure, Finding, Value
from tandem.imports.problem import sentence
from tandem.reconcile.model.compare import NOTHING, Cell, share_of
from tandem.reconcile.model.outside import FIGURES, OWN, SYSTEMS

TOO_MUCH: Final = Decimal("0.05")
ENOUGH_COUNT: Final = Decimal(100)
"""Under a hundred of anything, 5% is less than chance alone moves it from day to day."""
ENOUGH_MONEY_EUR: Final = Decimal(100)
RULE: Final = "unexplained"
SEVERE: Final = Decimal("0.25")
TITLE: Final = sentence("%(figure)s: %(source)s and Tandem differ by %(share)s")
TITLE_OF_PART: Final = sentence("%(figure)s, %(part)s: %(source)s and Tandem differ by %(share)s")
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


class KeptExcess(Excess, frozen=True, kw_only=True):
    """An excess that is kept as a finding: of which figure, since when, and what a user said of it."""

    id: int
    source: str
    figure: str
    split: str
    state: str
    times: int
    ignored_until: datetime | None
    settled_by: int | None
    settled_at: datetime | None
    note: str


def subject_of(source: str, figure: str, split: str, part: str) -> str:
    """The key of what differs."""
    return "|".join((source, figure, split, part))


def failure_of(excess: Excess, source: str, figure: str, split: str, needs: Iterable[str]) -> Failure:
    """An excess as the failed check of a rule.

    needs   the permissions of whoever may see both figures
    """
    system, _, account = source.removeprefix(f"{OWN}:").partition(":")
    part = {"part": Value(text=excess.part, unit=split)} if excess.part else {}
    query = {"source": source, "figure": figure, "by": "day", "period": f"{excess.first_on}..{excess.last_on}"}
    return Failure(
        subject=subject_of(source, figure, split, excess.part), title=TITLE_OF_PART if part else TITLE,
        first_on=excess.first_on, last_on=excess.last_on, severity="high" if excess.share > SEVERE else "medium",
        values={
            "figure": Value(term=FIGURES[figure].label),
            "source": Value(term=SYSTEMS.get(system, system), text=account),
            "share": Value(number=float(excess.share), unit="share"), **part,
        },
        evidence={
            "source": source, "figure": figure, "split": split, "part": excess.part, "days": excess.days,
            "theirs": str(excess.theirs), "ours": str(excess.ours), "unexplained": str(excess.unexplained),
        },
        money=abs(excess.unexplained) if FIGURES[figure].is_money else None,
        address="/reconciliation?" + urlencode(query), needs=sorted({"money.read", *needs}),
    )  # fmt: skip


def difference_of(finding: Finding) -> KeptExcess:
    """What a finding of this room says, in the room's own form."""
    seen, life = finding.evidence, ("id", "state", "times", "ignored_until", "settled_by", "settled_at", "note")
    return KeptExcess(
        source=seen["source"], figure=seen["figure"], split=seen["split"], part=seen["part"], days=seen["days"],
        theirs=Decimal(seen["theirs"]), ours=Decimal(seen["ours"]), unexplained=Decimal(seen["unexplained"]),
        first_on=finding.first_on, last_on=finding.last_on, **{name: getattr(finding, name) for name in life},
    )  # fmt: skip


def is_too_much(cell: Cell, enough: Decimal) -> bool:
    """Whether a day and part is large enough, and more than 5% of it is unexplained."""
    return max(abs(cell.theirs), abs(cell.ours)) >= enough and cell.share > TOO_MUCH


def excesses(cells: Iterable[Cell], enough: Decimal, until: date) -> dict[str, list[Cell]]:
    """The days that are too much, by part, up to the last day that has settled."""
    by_part: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.on <= until and is_too_much(cell, enough):
            by_part[cell.part].append(cell)
    return by_part


def summed(part: str, cells: list[Cell]) -> Excess:
    days = sorted(cell.on for cell in cells)
    return Excess(
        part=part, first_on=days[0], last_on=days[-1], days=len(days),
        theirs=sum((c.theirs for c in cells), NOTHING), ours=sum((c.ours for c in cells), NOTHING),
        unexplained=sum((c.unexplained for c in cells), NOTHING),
    )  # fmt: skip
