"""Which days are measured: those that the reports of each ad account tell of, and those on which the counter ran."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from math import exp, prod
from statistics import median
from typing import NamedTuple

import msgspec

Account = tuple[str, str]
"""An ad system, and the account there."""
Days = frozenset[date]

OTHER = "other"
"""The ad system of costs that no system of ours reports."""
QUIET = 3
"""How many times its usual rest an account may rest before its reports are taken to end."""
AROUND_DAYS = 28
"""Four weeks before a span tell what its weekdays usually bring."""
HARDLY = 0.001
"""Silence that chance brings less often than this is taken for a counter that did not run."""
RARE = 1 / 4
"""Weekdays that are silent more often than this are so by nature."""
DAY = timedelta(days=1)


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """What the reports of two spans lack: all after `ended`, all before `begun`, or some `days`, of all or of some."""

    ended: date | None = None
    begun: date | None = None
    days: int = 0
    is_of_some: bool = False


def days_between(first: date, last: date) -> Days:
    """These days, both included."""
    return frozenset(first + DAY * n for n in range((last - first).days + 1))


class ReportedDays(NamedTuple):
    """The days that an account's reports tell of, and those beside them on which it may just have been quiet."""

    days: Days
    quiet: Days


def reported_days(loads: Iterable[tuple[str, str, date, date, int]]) -> dict[Account, ReportedDays]:
    """The days that are told of, by account. A load tells of all days from its first to its last.

    Reports leave out days on which nothing was shown: those cost nothing, and are not missing. An account that shows
    on few days only may have been quiet for as long before and after, too. How few they are, all of its loads tell
    together (each has `count` of them): one that others have replaced but for its ends is no sparse account.
    """
    spans: dict[Account, Days] = {}
    counts = Counter[Account]()
    for system, account, first, last, count in loads:
        spans[system, account] = spans.get((system, account), Days()) | days_between(first, last)
        counts[system, account] += count
    return {account: ReportedDays(days, _with_rests(days, counts[account])) for account, days in spans.items()}


def _with_rests(days: Days, count: int) -> Days:
    """These days, and those beside them on which an account that shows on `count` of them may just have been quiet."""
    rests, resting = DAY * max(0, round(QUIET * (len(days) / count - 1))), list[date]()
    for day in sorted(days):
        first = max(day - rests, resting[-1] + DAY) if resting else day - rests
        resting += sorted(days_between(first, day + rests))
    return frozenset(resting)


def lack_of(reports: Mapping[Account, ReportedDays], span: Days, before: Days) -> Lack | None:
    """What makes the reports of two spans unlike; None where the same accounts tell of every day of both.

    Costs of other systems are campaigns written down by hand, which tell of their own days only: they count where
    there is nothing else.
    """
    both = span | before
    systems = [one for (system, _), one in reports.items() if system != OTHER] or list(reports.values())
    real = frozenset().union(*(one.days for one in systems))
    accounts = [(one.days | one.quiet) & both for one in systems if one.days & both]
    all_days = frozenset().union(*accounts)
    if not all_days:
        earlier = [day for day in real if day < min(both)]
        return Lack(ended=max(earlier)) if earlier else None
    if max(all_days) < max(span):
        return Lack(ended=max(real & both))
    if min(all_days) > min(before):
        return Lack(begun=min(real & both))
    if missing := both - all_days:
        return Lack(days=len(missing))
    missing = frozenset().union(*(both - days for days in accounts))
    return Lack(days=len(missing), is_of_some=True) if missing else None


def silent_days(visits: Mapping[date, int], days: Sequence[date]) -> Days:
    """Of these days, one after the other, those on which the counter cannot have run: nobody came at all.

    Each is judged by the same weekdays around it. A shop that nobody visits on Sundays has silent days of its own, and
    so has a site with a visit or two a day: a stretch of silence counts if chance would hardly bring it.

    visits   how many came, by day; none where nobody did
    """
    silent: set[date] = set()
    for stretch in _silent(visits, days):
        alike = {day: _alike(visits, days, day, stretch) for day in stretch}
        unusual = [day for day, counts in alike.items() if _is_silence_rare(counts)]
        if unusual and prod(_chance(alike[day]) for day in unusual) < HARDLY:
            silent.update(unusual)
    return frozenset(silent)


def _silent(visits: Mapping[date, int], days: Sequence[date]) -> Iterator[set[date]]:
    for is_silent, stretch in groupby(days, lambda day: not visits.get(day)):
        if is_silent:
            yield set(stretch)


def _alike(visits: Mapping[date, int], days: Sequence[date], day: date, stretch: set[date]) -> list[int]:
    """How many came on the same weekday, outside the stretch that is judged."""
    return [visits.get(d, 0) for d in days if d not in stretch and d.weekday() == day.weekday()]


def _is_silence_rare(counts: list[int]) -> bool:
    return bool(counts) and counts.count(0) <= RARE * len(counts)


def _chance(counts: list[int]) -> float:
    """How likely nobody comes on a day, by days like it: by how many usually come, or how often nobody did."""
    return min(exp(-median(counts)), (counts.count(0) + 1) / (len(counts) + 2))
