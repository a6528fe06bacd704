"""Which spans are alike: the rules, without any store."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from tandem.metrics.coverage import Days, days_between
from tandem.metrics.period import Period
from tandem.metrics.verdict import Reason

ENOUGH_ALIKE = 0.98
"""How mature the newer cohort must be, as a share of the older one's maturity."""
COMPLETE = timedelta(days=60)
"""A cohort this old has had its time."""
ENOUGH_OUTCOMES = 20
UNLIKE_LENGTH = 0.01


def settled_until(period: Period, settles_after: int, now: datetime) -> date | None:
    """The last day of the period whose figures no longer change; None if there is none."""
    last = now.astimezone(ZoneInfo(period.zone)).date() - timedelta(days=settles_after + 1)
    return min(period.last, last) if last >= period.first else None


def like_spans(
    period: Period, before: Period, settles_after: int, now: datetime
) -> tuple[Period, Period, date | None] | None:
    """What is really compared: the spans less the newest days that still settle, and the last day if some are left out.

    None if no day has settled
    """
    if not settles_after:
        return period, before, None
    last = settled_until(period, settles_after, now)
    if last is None:
        return None
    if last == period.last:
        return period, before, None
    cut = before.first + (last - period.first)
    return (
        msgspec.structs.replace(period, last=last, ends=None),
        msgspec.structs.replace(before, last=cut, ends=None),
        last,
    )


def clocks_differ(period: Period, before: Period, now: datetime) -> bool:
    """Whether a changed clock makes one span longer than the other by more than a hundredth."""
    passed = period.so_far(now)
    if passed is None:
        return False
    ours, theirs = passed.until - passed.since, before.until - before.since
    return abs(ours - theirs) > UNLIKE_LENGTH * max(ours, theirs)


def unmeasured(before: Period, first: datetime | None, is_daily: bool = False) -> date | None:
    """The first measured day, if measuring began after the span to compare with.

    is_daily   the figure is told by the day, so that the first day is measured whole
    """
    if first is None:
        return None
    day = first.astimezone(ZoneInfo(before.zone)).date()
    is_whole = day <= before.first if is_daily else first <= before.since + timedelta(hours=1)
    return None if is_whole else day


def arrived(delays: Sequence[float], period: Period, now: datetime) -> float:
    """The share of a span's outcomes that have come by now, if they come as they used to.

    delays   days from a record's creation to its outcome, in complete cohorts, rising
    """
    passed = period.so_far(now)
    if passed is None or not delays:
        return 0.0
    half, parts = (passed.until - passed.since) / passed.days / 2, []
    for i in range(passed.days):
        age = (now - (passed.since + half * (2 * i + 1))) / timedelta(days=1)
        parts.append(bisect_right(delays, age) / len(delays))
    return sum(parts) / len(parts)


def immature(delays: Sequence[float], period: Period, before: Period, now: datetime) -> Reason | None:
    """Why cohorts of these spans are not alike: the newer one has had less time for its outcomes."""
    if now - period.until >= COMPLETE:
        return None
    if len(delays) < ENOUGH_OUTCOMES:
        return Reason(why="little_history")
    share = arrived(delays, period, now)
    return Reason(why="young", share=share) if share < ENOUGH_ALIKE * arrived(delays, before, now) else None


def days_passed(period: Period, now: datetime) -> float:
    passed = period.so_far(now) or period
    return (passed.until - passed.since) / timedelta(days=1)


def days_of(span: Period) -> Days:
    return days_between(span.first, span.last)


def last_over(span: Period, now: datetime) -> date:
    """The last day of a span that is over."""
    return min(span.last, now.astimezone(ZoneInfo(span.zone)).date() - timedelta(days=1))


def day_after(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)


def week_before(day: date) -> date:
    """The Sunday before the week of this day: all periods that begin in one week share one past, asked once."""
    return day - timedelta(days=day.weekday() + 1)
