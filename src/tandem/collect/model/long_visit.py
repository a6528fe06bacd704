"""A long visit that goes on: it is lengthened by what has come, where deriving it anew would give the same."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple


class LastVisit(NamedTuple):
    """A visitor's last visit as it stands in the store, and of how many facts it is made."""

    visit: int
    version: int
    started: datetime
    opened: datetime
    ended: datetime
    chain_started: datetime
    pageviews: int
    inside: int


def goes_on(last: LastVisit, fresh: Sequence[tuple[datetime, int, bool, int]], last_campaign: int) -> bool:
    """Whether a visit goes on with all that has come after it; what ends a visit is said in sql/derive_visits.sql.

    fresh            moment, id, whether the page reports of itself, and campaign (or 0) of what has come, in this order
    last_campaign    the visit's latest campaign, or 0
    """
    before = last.ended
    for at, _, is_report, campaign in fresh:
        if not is_report and at - before > timedelta(minutes=30):
            return False
        if campaign not in (0, last_campaign):
            return False
        before = at
    # A chain is cut every 24 hours, by whole seconds; that ends a silence as long before a report as well.
    day = timedelta(days=1)
    began = last.chain_started.replace(microsecond=0)
    return (last.ended - began) // day == (before - began) // day
