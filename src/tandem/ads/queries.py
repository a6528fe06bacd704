"""What the page asks: figures of the catalogue over time and by a split, and what could not be matched."""

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from tandem.ads import store
from tandem.ads.model import Campaign, worst_of
from tandem.base import clock
from tandem.core.context import Context
from tandem.core.query import Value
from tandem.metrics.address import Address
from tandem.metrics.ask import series
from tandem.metrics.breakdown import splits_of
from tandem.metrics.comparison import unmeasured_days
from tandem.metrics.parts import settles_after
from tandem.metrics.spans import like_spans
from tandem.metrics.tabs import Tab

HEADLINE = (
    "ads.cost", "ads.clicks", "ads.visits", "ads.reported_visits", "ads.cpc", "ads.matched_visit_share",
)  # fmt: skip
COLUMNS = (
    "ads.cost", "ads.clicks", "ads.visits", "ads.leads", "ads.qualified", "ads.won", "ads.revenue", "ads.romi",
)  # fmt: skip
BY_LENS = {
    "engineering": (
        "ads.cost", "ads.impressions", "ads.clicks", "ads.ctr", "ads.visits", "ads.cost_per_visit",
        "ads.matched_cost_share",
    ),
    "executive": ("ads.cost", "ads.visits", "ads.leads", "ads.cost_per_lead", "ads.won", "ads.revenue", "ads.romi"),
}  # fmt: skip
"""Marketing reads the way from cost to revenue, engineering where clicks and tags get lost, executives the return."""
_SPLITS = (
    ("channels", "Channels", "channel", "campaigns"),
    ("systems", "Ad systems", "ad_system", "campaigns"),
    ("campaigns", "Campaigns", "campaign", "groups"),
    ("groups", "Ad groups", "ad_group", "keywords"),
    ("ads", "Ads", "ad", ""),
    ("keywords", "Keywords", "term", ""),
)
TABLES = {
    id: Tab(id=id, title=title, by=by, metrics=COLUMNS, by_lens=BY_LENS, group="cost", drill=drill)
    for id, title, by, drill in _SPLITS
}


class CostLeft(msgspec.Struct, frozen=True, kw_only=True):
    """Cost of a campaign on days without a visit of it."""

    system: str
    campaign: str
    campaign_id: str
    cost: Decimal
    clicks: int
    days: int


class VisitsLeft(msgspec.Struct, frozen=True, kw_only=True):
    """Paid visits that were matched to no cost, or by the click id only."""

    system: str
    source: str
    medium: str
    tag: str
    matched_by: str
    visits: int


def course(ctx: Context, address: Address) -> list[tuple[date, Value]]:
    """The cost over the period, by day, week or month; none where no report tells of it, which is not zero."""
    step = address.period.step if address.period.step != "hour" else "day"
    question = address.question(("ads.cost",), (step,))
    today = clock.now().astimezone(ZoneInfo(address.site.zone)).date()
    points = [(on, v) for on, v in series(question, ctx.runner.ask(question), "ads.cost") if on <= today]
    last = max((on for on, value in points if value), default=today)
    gaps = unmeasured_days(ctx, address, "ads.cost") if step == "day" else frozenset()
    return [(on, value if on <= last and on not in gaps else None) for on, value in points]


def worst(ctx: Context, address: Address) -> tuple[Campaign, date | None] | None:
    """The campaign whose cost brought clearly too few leads; None where none is so, or the reader may not see leads.

    Days whose cost still changes are left out, for their leads are still coming too; the day up to which it was judged
    is told then.
    """
    metrics = ("ads.cost", "ads.leads")
    spans = like_spans(address.period, address.period, settles_after("ads.cost"), address.now)
    fits = all(f.by in splits_of("ads.leads") for f in address.where)
    if spans is None or address.readable(metrics) != metrics or not fits:
        return None
    rows = ctx.runner.ask(address.question(metrics, ("campaign",), spans[0])).rows
    costs = {str(row.key[0]): [row.metrics[name] or 0 for name in metrics] for row in rows}
    judged = (Campaign(name=name, cost=float(cost), leads=int(leads)) for name, (cost, leads) in costs.items())
    return (campaign, spans[2]) if (campaign := worst_of(judged)) else None


def left_over(ctx: Context, address: Address) -> tuple[list[CostLeft], list[VisitsLeft]]:
    """What could not be matched, whatever the filters: nothing of it is spread over anything else."""
    costs = ctx.runner.rows(store.SQL["unmatched_cost"], CostLeft, **address.bound)
    visits = ctx.runner.rows(store.SQL["unmatched_visits"], VisitsLeft, **address.bound)
    return costs, visits
