"""Which days a load of an API fetches next: history first, a stretch at a time, then the days that still settle."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from tandem.accounts.model import Site

HISTORY_DAYS = 90


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Whole days of a site, both ends included; `is_more` when later days are there to fetch at once."""

    first: date
    last: date
    is_more: bool

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=i) for i in range((self.last - self.first).days + 1)]

    @property
    def cursor(self) -> dict[str, Any]:
        """Names the next day to fetch, so that a stop goes on where it was."""
        return {"next": (self.last + timedelta(days=1)).isoformat()}


def next_stretch(site: Site, cursor: Mapping[str, Any], now: datetime, settles_days: int, at_once: int) -> Stretch:
    """The next days that are not known; when all are, the last ones again, whose figures the system still corrects.

    Today is left out: it is not over.
    settles_days   for how many days a system corrects its figures
    at_once        most days of one load
    """
    yesterday = now.astimezone(site.tz).date() - timedelta(days=1)
    first = date.fromisoformat(str(cursor.get("next", yesterday - timedelta(days=HISTORY_DAYS - 1))))
    if first > yesterday:
        first = yesterday - timedelta(days=settles_days - 1)
    last = min(yesterday, first + timedelta(days=at_once - 1))
    return Stretch(first=first, last=last, is_more=last < yesterday)
