"""Figures of crm."""

from tandem.base.words import hand_in
from tandem.metrics.catalogue.collect import TIME
from tandem.metrics.metric import Dimension, Estimate, Good, Metric, PublishedView, Ratio, Side, Unit

PERMISSION = "deals.read"
SIDE: Side = "marketing"

BY = (
    *TIME, "channel", "source", "medium", "campaign", "term", "content", "entry", "stage", "stage_kind", "pipeline",
    "deal_kind", "crm_system", "responsible", "known_by", "lost_reason",
)  # fmt: skip
_WHEN = "Records are dated by their creation."

VIEWS = (PublishedView(id="deals"),)

DIMENSIONS: tuple[Dimension, ...] = (
    Dimension(id="stage", label="Stage", column="toString(stage)", marketers="Stage in the CRM.", home="deals"),
    Dimension(id="stage_kind", label="What the stage means", column="toString(stage_kind)", home="deals",
              marketers="Open, qualified, won, lost or not known."),
    Dimension(id="pipeline", label="Pipeline", column="toString(pipeline)", home="deals",
              marketers="Pipeline in the CRM."),
    Dimension(id="deal_kind", label="Lead or deal", column="toString(kind)", home="deals",
              marketers="Whether the record is a lead or a deal."),
    Dimension(id="crm_system", label="CRM", column="toString(system)", home="deals",
              marketers="System the record came from."),
    Dimension(id="responsible", label="Responsible", column="toString(responsible)", home="deals",
              marketers="Responsible person, by their ID in the CRM."),
    Dimension(id="known_by", label="Source known from", column="toString(how)", home="deals",
              marketers="How the source is known: from a visit, the person's visit or UTM fields. Empty if unknown."),
    Dimension(id="lost_reason", label="Reason of the loss", column="toString(lost_reason)", home="deals",
              marketers="Why a deal was lost, in the words of the CRM."),
)  # fmt: skip


_IS_WON = "kind = 'deal' and stage_kind = 'won'"
ARRIVES = "days_to_sale"
"""Other outcomes of a record (qualified, lost) come no later than its sale."""
AT_ONCE = ("leads", "deals", "sourceless")


def _count(name: str, label: str, value: str, good: str, marketers: str, engineers: str) -> Metric:
    return Metric(
        id=f"crm.{name}", label=label, unit=Unit.COUNT, view="deals", value=value, by=BY, adds_up=True,
        arrives="" if name in AT_ONCE else ARRIVES,
        good=good, marketers=marketers, engineers=f"{engineers} {_WHEN}",  # type: ignore[arg-type]
    )  # fmt: skip


def _money(name: str, label: str, value: str, marketers: str, engineers: str, good: Good = "up") -> Metric:
    return Metric(
        id=f"crm.{name}", label=label, unit=Unit.MONEY, view="deals", value=value, by=BY, adds_up=True, good=good,
        arrives=ARRIVES, counts="crm.won", marketers=marketers, engineers=f"{engineers} {_WHEN}",
    )  # fmt: skip


_NET = "(ifNull(amount, toDecimal64(0, 4)) - refunded)"

METRICS: tuple[Metric, ...] = (
    _count("leads", "Leads", "countIf(parent = 0)", "up",
           "People's enquiries: each lead, and each deal that was not created from a lead.",
           "Records without a parent. Deleted records are excluded."),
    _count("qualified", "Qualified leads", "countIf(parent = 0 and is_qualified)", "up",
           "Leads qualified by sales: they reached a stage that means qualified or won.",
           "Records without a parent whose stage means qualified or won, now or in any snapshot before."),
    _count("deals", "Deals", "countIf(kind = 'deal')", "up",
           "Deals in the CRM, also those made from leads.", "Records of kind deal."),
    _count("won", "Won deals", f"countIf({_IS_WON})", "up",
           "Deals that ended in a sale.", "Deals whose stage means won."),
    _count("lost", "Lost deals", "countIf(kind = 'deal' and stage_kind = 'lost')", "down",
           "Deals that ended without a sale.", "Deals whose stage means lost."),
    _count("closed", "Closed deals", "countIf(kind = 'deal' and stage_kind in ('won', 'lost'))", "neither",
           "Deals that are over, won or lost.", "Deals whose stage means won or lost."),
    _count("priced", "Won deals with an amount", f"countIf({_IS_WON} and amount is not null)", "neither",
           "Won deals whose amount is known in the site's currency.",
           "Won deals whose amount is given and has a rate."),
    _count("unpriced", "Won deals without an amount", f"countIf({_IS_WON} and amount is null)", "down",
           "Won deals with no amount, or with a currency without a rate. They are missing from revenue.",
           "Won deals whose amount is missing or could not be converted."),
    _count("sourceless", "Leads without a source", "countIf(parent = 0 and how = '')", "down",
           "Leads for which neither a visit nor the CRM shows where they came from.",
           "Records without a parent and without a matching visit, UTM field or click ID."),
    _money("revenue", "Revenue from deals", f"sumIf({_NET}, {_IS_WON})",
           "Revenue from won deals, minus refunds.",
           "Sum of amount less refunds over won deals, in the site's currency by the rate of the closing day."),
    _money("costed_revenue", "Revenue with a known cost", f"sumIf({_NET}, {_IS_WON} and cost is not null)",
           "Revenue of won deals whose cost of goods is known.", "Revenue over won deals that have a cost.", "neither"),
    _money("margin", "Margin of deals",
           f"sumIf({_NET} - ifNull(cost, toDecimal64(0, 4)), {_IS_WON} and cost is not null)",
           "Revenue minus the cost of goods, only for deals with a known cost.",
           "Amount less refunds less cost over won deals that have a cost."),
    Metric(
        id="crm.time_to_win", label="Time to win (median)", unit=Unit.SECONDS, view="deals",
        value=f"quantileExactIf(0.5)(toFloat64(greatest(0, dateDiff('second', at, won_at))), {_IS_WON} "
        "and won_at > toDateTime64(0, 3, 'UTC'))",
        by=BY, adds_up=False, good="down", arrives=ARRIVES, counts="crm.won",
        marketers="Half of the won deals took no longer from creation to the sale.",
        engineers=f"Exact median of seconds between creation and closing of won deals. {_WHEN}",
    ),
)  # fmt: skip

RATIOS: tuple[Ratio, ...] = (
    Ratio(id="crm.qualified_rate", label="Qualified share", unit=Unit.SHARE, top="crm.qualified", bottom="crm.leads",
          good="up", marketers="Share of leads qualified by sales.",
          engineers="Qualified leads over leads."),
    Ratio(id="crm.win_rate", label="Win rate", unit=Unit.SHARE, top="crm.won", bottom="crm.closed", good="up",
          marketers="Share of closed deals that were won.", engineers="Won deals over won and lost ones."),
    Ratio(id="crm.average_deal", label="Average deal", unit=Unit.MONEY, top="crm.revenue", bottom="crm.priced",
          good="up", marketers="Average revenue per won deal.",
          engineers="Revenue from deals over won deals with an amount."),
    Ratio(id="crm.revenue_per_lead", label="Revenue per lead", unit=Unit.MONEY, top="crm.revenue", bottom="crm.leads",
          good="up", marketers="Average revenue per lead, won or not.",
          engineers="Revenue from deals over leads."),
    Ratio(id="crm.costed_share", label="Share of revenue with a known cost", unit=Unit.SHARE, top="crm.costed_revenue",
          bottom="crm.revenue", good="up", marketers="Share of the revenue that the margin covers.",
          engineers="Revenue of won deals that have a cost over all revenue."),
    Ratio(id="crm.sourceless_share", label="Share of leads without a source", unit=Unit.SHARE, top="crm.sourceless",
          bottom="crm.leads", good="down", marketers="Share of leads that cannot be credited to any channel.",
          engineers="Leads without a source over leads."),
)  # fmt: skip

ESTIMATES: tuple[Estimate, ...] = ()

hand_in(
    members={
        ("known_by", "visit"): "the browser's visit",
        ("known_by", "person"): "the person's visit",
        ("known_by", "utm"): "UTM fields",
        ("known_by", "click"): "click ID",
        ("known_by", "direct"): "a direct visit",
    }
)
