"""What pages ask about changes beyond the log itself: what outages cost."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tandem.accounts.model import Site
from tandem.changes import store
from tandem.changes.model import (
    EVERY_DAY,
    LONGEST_OUTAGE,
    WEEK,
    WEEKS,
    Change,
    ChangeFilter,
    Hours,
    OutageCost,
    outage_cost,
)
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.query import Question

VISITS, REVENUE = "collect.visits", "collect.revenue"
NEEDS = {VISITS: "metrics.read", REVENUE: "money.read"}
"""What a reader must be allowed; the catalogue says the same (tests/changes/test_outages.py)."""
MOST_OUTAGES = 12
"""So many of a page are compared, the newest: each takes a query."""


def outage_costs(
    ctx: Context, caller: Caller, site: Site, changes: Sequence[Change], now: datetime
) -> dict[int, OutageCost]:
    """What these changes cost that were outages, by change, as far as the reader may know it."""
    outages = [change for change in changes if change.kind == "outage" and change.at <= now][:MOST_OUTAGES]
    if not outages or not caller.may(NEEDS[VISITS]):
        return {}
    logged = store.matching(ctx.database, site, ChangeFilter(kinds=("outage",), days=EVERY_DAY), now)
    days = {change.at.astimezone(site.tz).date() for change in logged}
    local_now = now.astimezone(site.tz).replace(tzinfo=None)
    costs = {}
    for change, hours in zip(outages, _hours(ctx, site, outages), strict=True):
        at = change.at.astimezone(site.tz).replace(tzinfo=None)
        cost = outage_cost(at, local_now, hours, days)
        costs[change.id] = cost if caller.may(NEEDS[REVENUE]) else msgspec.structs.replace(cost, revenue=None)
    return costs


def _hours(ctx: Context, site: Site, outages: Sequence[Change]) -> list[Hours]:
    """Visits and revenue of people by hour, from the weeks before each outage to the longest that it may last."""
    questions = [
        Question(
            site=site.id, zone=site.zone, metrics=(VISITS, REVENUE), by=("hour",),
            since=outage.at - WEEKS * WEEK - LONGEST_OUTAGE, until=outage.at + 2 * LONGEST_OUTAGE,
        )
        for outage in outages
    ]  # fmt: skip
    return [
        {
            row.key[0].astimezone(site.tz).replace(tzinfo=None): (row.metrics[VISITS] or 0, row.metrics[REVENUE] or 0)
            for row in result.rows
        }
        for result in ctx.runner.ask_all(questions)
    ]
