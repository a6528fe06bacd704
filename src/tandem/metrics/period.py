"""Spans of days in a site's zone, and the spans that are like them: the same weekdays, up to the same hour."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from tandem.base.errors import UserError
from tandem.base.words import hand_in

NAMES = ("today", "yesterday", "7d", "30d", "90d", "last-week", "month", "last-month", "12mo")
Comparison = Literal["previous", "year", "none"]
_CUSTOM = re.compile(r"^(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})$")
LONGEST_DAYS = 3700
YEAR_DAYS = 364  # 52 weeks: a year that keeps the weekdays


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Days `first` to `last`, both included, in the site's zone. `name` is how the address writes it."""

    name: str
    first: date
    last: date
    zone: str
    ends: datetime | None = None
    """The moment in the last day up to which the span goes, where it is not the day's end."""

    @property
    def since(self) -> datetime:
        """The first moment, in UTC."""
        return _midnight(self.first, self.zone)

    @property
    def until(self) -> datetime:
        """The first moment after the span, in UTC."""
        return self.ends or _midnight(self.last + timedelta(days=1), self.zone)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def step(self) -> str:
        """The time step that suits a chart of this span."""
        if self.days <= 2:
            return "hour"
        return "day" if self.days <= 120 else "week" if self.days <= 400 else "month"

    def so_far(self, now: datetime) -> "Period | None":
        """What has passed of the span; None before its beginning, the span itself after its end."""
        if now >= self.until:
            return self
        if now <= self.since:
            return None
        return msgspec.structs.replace(self, last=now.astimezone(ZoneInfo(self.zone)).date(), ends=now)

    def compared(self, to: Comparison, now: datetime) -> "Period | None":
        """The span that is like this one: as many days, on the same weekdays, up to the same hour of the clock.

        It lies just before, or a year earlier, moved by whole weeks: of a span that goes on, what has passed of it is
        compared with as much.
        """
        if to == "none":
            return None
        days = -(-self.days // 7) * 7
        if to == "year":
            days = max(YEAR_DAYS, days)
        back = timedelta(days=days)
        passed = self.so_far(now)
        if passed is None:
            return msgspec.structs.replace(self, first=self.first - back, last=self.last - back)
        ends = passed.ends
        if ends is not None:
            local = ends.astimezone(ZoneInfo(self.zone))
            at = datetime.combine(local.date() - back, local.time(), ZoneInfo(self.zone))
            ends = at.replace(fold=0).astimezone(UTC)
        return msgspec.structs.replace(passed, first=self.first - back, last=passed.last - back, ends=ends)


def period_of(name: str, zone: str, now: datetime) -> Period:
    """The span that a name means today: one of NAMES, or `2026-01-01..2026-01-31`.

    raises   UserError for anything else
    """
    today = now.astimezone(ZoneInfo(zone)).date()
    if match := _CUSTOM.match(name):
        return _custom(name, match[1], match[2], zone)
    first_of_month, monday = today.replace(day=1), today - timedelta(days=today.weekday())
    spans = {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "7d": (today - timedelta(days=6), today),
        "30d": (today - timedelta(days=29), today),
        "90d": (today - timedelta(days=89), today),
        "last-week": (monday - timedelta(days=7), monday - timedelta(days=1)),
        "month": (first_of_month, today),
        "last-month": ((first_of_month - timedelta(days=1)).replace(day=1), first_of_month - timedelta(days=1)),
        "12mo": (_year_before(today) + timedelta(days=1), today),
    }
    if name not in spans:
        raise UserError(
            "“%(value)s” is not a period.",
            "Use one of %(choices)s or 2026-01-01..2026-01-31.",
            value=name[:40],
            choices=", ".join(NAMES),
        ).at("period")
    return Period(name=name, first=spans[name][0], last=spans[name][1], zone=zone)


def _custom(name: str, first: str, last: str, zone: str) -> Period:
    try:
        since, until = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError as error:
        raise UserError(
            "“%(value)s” contains a date that does not exist.", "Use the format 2026-01-31.", value=name
        ).at("period") from error
    if since > until:  # whoever chose the days in this order means the same days
        return _custom(f"{last}..{first}", last, first, zone)
    if since.year < 2000 or until.year > 2100:
        raise UserError("The days must lie between the years 2000 and 2100.", "Correct the year.").at("period")
    if (until - since).days > LONGEST_DAYS:
        raise UserError("The period is longer than ten years.", "Request less data at a time.").at("period")
    return Period(name=name, first=since, last=until, zone=zone)


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # 29 February
        return day.replace(year=day.year - 1, day=28)


hand_in(
    {
        "PERIODS": {
            "today": "Today",
            "yesterday": "Yesterday",
            "7d": "Last 7 days",
            "30d": "Last 30 days",
            "90d": "Last 90 days",
            "last-week": "Last week",
            "month": "This month",
            "last-month": "Last month",
            "12mo": "Last 12 months",
        },
        "COMPARED": {"previous": "The period before", "year": "The same days a year ago", "none": "Nothing"},
    }
)
