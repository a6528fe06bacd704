"""What Google Analytics would have said of the demo's shop, with planted differences that the page must name.

Its property was left in London time, it takes robots that pass for browsers for people, and counts direct visits to the
source before them. Since three weeks a page of the paid social campaign has lost its tag: that nobody can recount.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from io import BytesIO

from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.imports.uploads import on_disk
from tandem.reconcile import jobs, queries, store
from tandem.reconcile.model.rules import CountingRules, usual
from tandem.reconcile.sources.report import ReportHints

ACCOUNT, THEIR_ZONE = "354812907", "Europe/London"
DAYS, LOST_DAYS = 60, 21
LOST_CHANNEL, LOST_SHARE = "Paid Social", Decimal("0.4")
HEAD = """# ----------------------------------------
# Traffic acquisition: Session default channel group
# Account: Fern
# Property: Fern shop - GA4
# ----------------------------------------
Date,Session default channel group,Sessions
"""


def seed_outside(ctx: Context, site: Site, until: datetime) -> CountingRules:
    """One report of Google Analytics by day and channel, and the findings it raises; returns the rules behind it."""
    rules = planted_rules(site)
    last = until.astimezone(site.tz).date() - timedelta(days=1)
    first = last - timedelta(days=DAYS - 1)
    source = queries.ComparedSource(id=f"ga4:{ACCOUNT}", system="ga4", account=ACCOUNT, is_own=False, figures={})
    counts = queries.ours_by_rules(ctx, site, source, "sessions", "channel", rules, first, last)
    lines = []
    for (on, channel), value in sorted(counts.items()):
        if channel == LOST_CHANNEL and on > last - timedelta(days=LOST_DAYS):
            value = Decimal(round(value * (1 - LOST_SHARE)))
        if value and first <= on <= last:
            lines.append(f"{on:%Y%m%d},{channel},{value:.0f}\n")
    body = (HEAD + "".join(lines)).encode()
    hints = ReportHints(system="ga4", account=ACCOUNT, zone=THEIR_ZONE)
    with on_disk(BytesIO(body)) as path:
        import_ = jobs.read_file(ctx, site, path, "traffic-acquisition.csv", hints)
    if import_.state == "staged":
        store.confirm(ctx.database, site, import_)
        jobs.review(ctx, site)
    return rules


def planted_rules(site: Site) -> CountingRules:
    """How the demo's Google Analytics counts."""
    rules = usual("ga4", site.mode)
    return CountingRules(
        zone=THEIR_ZONE,
        bots=rules.bots,
        sees_cookieless=rules.sees_cookieless,
        attribution=rules.attribution,
        orders=rules.orders,
    )
