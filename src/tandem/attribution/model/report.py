"""What a page shows of credit, and what a kept report holds of it."""

from datetime import date, datetime
from typing import Any

import msgspec

ENOUGH_REPORTED = 0.9
"""Below this share of paid visits with a report of their day, cost is set against nothing: it is not all of it."""
LONE = "\x00"
"""The row of conversions without a visit inside the window; no value of a split looks like it."""


class CreditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One value of the split, by the chosen model and by all.

    share     of all conversions of the question
    assisted  conversions that it was part of without being the last touch
    cost      None where ads know nothing of the split, nothing was spent at all, or the value has paid visits but no
              cost
    reported  of its paid visits, the share on days of which the cost is known (0 to 1); 1 without any
    payback_days  days from the first visit after which what its journeys brought covers the cost; None if it never does
    """

    key: str
    credit: float
    low: float
    high: float
    share: float
    worth: float
    assisted: float
    by_model: dict[str, float]
    before: float | None = None
    cost: float | None = None
    clicks: int | None = None
    reported: float = 1.0
    payback_days: float | None = None

    @property
    def is_lone(self) -> bool:
        return self.key == LONE

    @property
    def whole_cost(self) -> float | None:
        """The cost to set against what the value brought; None where it is none, or a part of it is not known."""
        return self.cost if self.cost and self.reported >= ENOUGH_REPORTED else None

    @property
    def cost_per_conversion(self) -> float | None:
        return self.whole_cost / self.credit if self.whole_cost and self.credit else None

    @property
    def roas(self) -> float | None:
        """Money brought for each unit of cost."""
        return self.worth / self.whole_cost if self.whole_cost else None

    @property
    def romi(self) -> float | None:
        """What was earned beyond the cost, as a share of the cost."""
        return (self.worth - self.whole_cost) / self.whole_cost if self.whole_cost else None

    @property
    def is_unsure(self) -> bool:
        """Whether chance alone could move the credit by more than a fifth."""
        return self.credit > 0 and (self.high - self.low) / 2 > 0.2 * self.credit


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides a report's figures, so that the same question can be asked again."""

    model: str
    order: int
    kind: str
    key: str
    conversion: str
    by: str
    window: int
    first: date
    last: date
    zone: str
    currency: str
    with_bots: bool
    filters: tuple[tuple[str, str, tuple[str, ...]], ...]
    rules: int


class SavedResult(msgspec.Struct, frozen=True, kw_only=True):
    """The figures as they were reported."""

    conversions: float
    worth: float
    rows: list[tuple[str, float, float, float, float]]
    """Key, credit, low, high, money."""


class SavedReport(msgspec.Struct, frozen=True, kw_only=True):
    """A kept report: what was asked, and what was answered then."""

    id: int
    name: str
    made_by: str
    made_at: datetime
    definition: Definition
    result: SavedResult


class CreditDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a kept report beside today's answer to the same question."""

    key: str
    kept: float
    kept_worth: float
    now: float
    now_worth: float

    @property
    def is_changed(self) -> bool:
        return abs(self.now - self.kept) >= 0.05 or abs(self.now_worth - self.kept_worth) >= 0.01


def differences(saved: SavedResult, now: SavedResult) -> list[CreditDifference]:
    """Every value that was reported or would be reported today, the largest kept credit first."""
    then = {row[0]: row for row in saved.rows}
    today = {row[0]: row for row in now.rows}
    keys = sorted({*then, *today}, key=lambda k: (-then.get(k, _none(k))[1], -today.get(k, _none(k))[1], k))
    return [
        CreditDifference(
            key=k,
            kept=then.get(k, _none(k))[1],
            kept_worth=then.get(k, _none(k))[4],
            now=today.get(k, _none(k))[1],
            now_worth=today.get(k, _none(k))[4],
        )
        for k in keys
    ]


def _none(key: str) -> tuple[str, float, float, float, float]:
    return key, 0.0, 0.0, 0.0, 0.0


def plain(value: Any) -> Any:
    """A struct as JSON that a database keeps."""
    return msgspec.to_builtins(value)
