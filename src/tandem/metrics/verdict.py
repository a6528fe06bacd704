"""A figure beside its comparison: how it changed, whether that is good, or why nothing is claimed."""

from datetime import date
from typing import Literal

import msgspec

from tandem.core.query import Value
from tandem.metrics.metric import AnyMetric
from tandem.metrics.period import Period

Why = Literal[
    "ahead",
    "unmeasured",
    "ended",
    "gaps",
    "accounts",
    "costs",
    "young",
    "settling",
    "recounting",
    "clocks",
    "little_history",
]
NOTICED = 0.005
"""A change below half a per cent is none."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a comparison bears no verdict: `day` of the first or last measured day, `share` done or arrived, `days` to
    settle or without data.

    Without a `day`, what is unmeasured has never been measured.
    """

    why: Why
    day: date | None = None
    share: float | None = None
    days: int | None = None


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A figure beside its comparison; both cover like spans, up to the day `settled` if newer days still change.

    `is_clear`   the change is more than chance; else figure and change stand, and nothing is claimed
    `is_unmeasured`   nothing of the period can be known, and `reason` says why: there is no value, rather than 0
    `span`, `against`   what `value` and `before` cover; None where nothing is compared
    """

    metric: AnyMetric
    value: Value
    before: Value
    is_clear: bool = False
    is_unmeasured: bool = False
    reason: Reason | None = None
    settled: date | None = None
    span: Period | None = None
    against: Period | None = None

    @property
    def change(self) -> float | None:
        """Relative change; None without a base, or where the comparison bears no verdict."""
        return relative(self.value, self.before) if self.reason is None else None

    @property
    def is_chance(self) -> bool:
        """Whether there is a change, but one that chance may bring."""
        return self.change is not None and abs(self.change) >= NOTICED and not self.is_clear

    @property
    def direction(self) -> str:
        """up, down, same, or nothing when there is no change to speak of."""
        change = self.change
        if change is None or self.is_chance:
            return ""
        return "same" if abs(change) < NOTICED else "up" if change > 0 else "down"

    @property
    def verdict(self) -> str:
        """good, bad or neutral: from what is good for this figure, never from the sign alone."""
        if self.direction not in ("up", "down") or self.metric.good == "neither":
            return "neutral"
        return "good" if self.direction == self.metric.good else "bad"


def relative(now: Value, before: Value) -> float | None:
    """Change as a share of what was before; None without a base."""
    return None if now is None or not before else (now - before) / abs(before)
