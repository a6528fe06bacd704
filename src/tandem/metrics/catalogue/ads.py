"""Figures of ads."""

from tandem.metrics.catalogue.crm import ARRIVES
from tandem.metrics.metric import Dimension, Estimate, Metric, PublishedView, Ratio, Side, Unit

PERMISSION, DEALS = "money.read", "deals.read"
SIDE: Side = "marketing"

BY = ("day", "week", "month", "channel", "source", "medium", "campaign", "term", "ad_system")
OF_COST = (*BY, "ad_account", "ad_group", "ad")
OF_LEADS = ("hour", *BY, "content")
OF_PAID_VISITS = ("hour", *BY, "content", "click", "matched_by")

SETTLES_DAYS = 3
"""Ad systems restate their reports for about three days."""

VIEWS = (
    PublishedView(id="ad_days"),
    PublishedView(id="ad_matches"),
    PublishedView(id="ad_visits", is_derived=True, begins_with="visits"),
    PublishedView(id="ad_leads", begins_with="deals"),
)

DIMENSIONS: tuple[Dimension, ...] = (
    Dimension(id="ad_system", label="Ad system", column="system", marketers="Where the ad was bought.",
              home="ad_days"),
    Dimension(id="ad_account", label="Ad account", column="account", marketers="Account that paid for the ad.",
              home="ad_days"),
    Dimension(id="ad_group", label="Ad group", column="ad_group", marketers="Group or ad set the ad belongs to.",
              home="ad_days"),
    Dimension(id="ad", label="Ad", column="ad", marketers="The ad, as its system names it.", home="ad_days"),
    Dimension(id="matched_by", label="Matched by", column="matched_by", home="ad_visits",
              marketers=(
                  "How a paid visit was matched to its cost: keyword, campaign or click ID. Empty if not matched."
              )),
)  # fmt: skip


def _reported(value: str) -> str:
    """The value where a report tells of it, NULL where none does: ads without a report did not cost nothing."""
    return f"if(count() = 0, null, {value})"


def _lead(name: str, label: str, value: str, marketers: str, engineers: str, unit: Unit = Unit.COUNT) -> Metric:
    """What the CRM tells of leads from ads: it asks for the permission of leads, whoever owns the ads."""
    return Metric(
        id=f"ads.{name}", label=label, unit=unit, view="ad_leads", value=value, by=OF_LEADS, adds_up=True, good="up",
        permission=DEALS, arrives="" if name == "leads" else ARRIVES, counts="ads.won" if unit is Unit.MONEY else "",
        marketers=marketers, engineers=f"{engineers} Records are dated by their creation.",
    )  # fmt: skip


_WON = "kind = 'deal' and stage_kind = 'won'"
_NET = "(ifNull(amount, toDecimal64(0, 4)) - refunded)"

METRICS: tuple[Metric, ...] = (
    Metric(
        id="ads.cost",
        label="Ad cost",
        unit=Unit.MONEY,
        view="ad_days",
        settles_after=SETTLES_DAYS,
        value=_reported("sum(cost)"),
        is_reported=True,
        counts="ads.clicks",
        by=OF_COST,
        adds_up=True,
        good="neither",
        marketers="What the ads cost, as the ad systems report it.",
        engineers=(
            "Sum of cost in the site's currency, converted at the day's rate when written. One load per account "
            "and day."
        ),
    ),
    Metric(
        id="ads.clicks",
        label="Ad clicks",
        unit=Unit.COUNT,
        view="ad_days",
        settles_after=SETTLES_DAYS,
        value=_reported("sum(clicks)"),
        is_reported=True,
        by=OF_COST,
        adds_up=True,
        good="up",
        marketers="Clicks on ads, as the ad systems count them.",
        engineers="Sum of clicks. For Meta: link clicks.",
    ),
    Metric(
        id="ads.impressions",
        label="Ad impressions",
        unit=Unit.COUNT,
        view="ad_days",
        settles_after=SETTLES_DAYS,
        value=_reported("sum(impressions)"),
        is_reported=True,
        by=OF_COST,
        adds_up=True,
        good="up",
        marketers="How often an ad was shown, as counted by the ad systems.",
        engineers="Sum of impressions.",
    ),
    Metric(
        id="ads.platform_conversions",
        label="Conversions reported by ad systems",
        unit=Unit.COUNT,
        view="ad_days",
        settles_after=SETTLES_DAYS,
        value=_reported("sum(platform_conversions)"),
        is_reported=True,
        by=OF_COST,
        adds_up=True,
        good="neither",
        marketers="Conversions as ad systems count them. They overlap, so never add them to your own.",
        engineers="Sum of platform_conversions, as exported.",
    ),
    Metric(
        id="ads.matched_cost",
        label="Cost with visits",
        unit=Unit.MONEY,
        view="ad_matches",
        settles_after=SETTLES_DAYS,
        value=_reported("sumIf(cost, is_matched)"),
        is_reported=True,
        counts="ads.clicks",
        by=OF_COST,
        adds_up=True,
        good="neither",
        marketers="Cost of campaigns that had visits on the same day.",
        engineers="Sum of cost where a visit of that day was matched to the campaign by name or ID.",
    ),
    Metric(
        id="ads.visits",
        label="Visits from ads",
        unit=Unit.COUNT,
        view="ad_visits",
        value="count()",
        by=OF_PAID_VISITS,
        adds_up=True,
        good="up",
        marketers="Visits from ads, without bots.",
        engineers="Visits with a paid click ID or from a paid channel, bots excluded.",
    ),
    Metric(
        id="ads.matched_visits",
        label="Visits with a cost",
        unit=Unit.COUNT,
        view="ad_visits",
        value="countIf(matched_by != '')",
        by=OF_PAID_VISITS,
        adds_up=True,
        good="neither",
        marketers="Visits from ads with a known cost for that day.",
        engineers="Visits matched to a cost of the same day: by campaign, or by click ID to its ad system.",
    ),
    Metric(
        id="ads.reported_visits",
        label="Visits on days with a report",
        unit=Unit.COUNT,
        view="ad_visits",
        value="countIf(on != toDate(0))",
        by=OF_PAID_VISITS,
        adds_up=True,
        good="neither",
        marketers="Visits from ads on days with a report from their ad system.",
        engineers=(
            "Visits whose ad system has a load for that day, whether or not the visit was matched to a campaign."
        ),
    ),
    _lead("leads", "Leads from ads", "countIf(parent = 0)",
          "Leads whose source is a paid channel.", "Records without a parent from a paid channel."),
    _lead("qualified", "Qualified leads from ads", "countIf(parent = 0 and is_qualified)",
          "Leads from ads that sales qualified.",
          "Records without a parent from a paid channel whose stage means qualified or won, now or before."),
    _lead("won", "Won deals from ads", f"countIf({_WON})",
          "Deals from ads that ended in a sale.", "Deals from a paid channel whose stage means won."),
    _lead("revenue", "Revenue from ads", f"sumIf({_NET}, {_WON})",
          "Revenue from won deals that ads brought, minus refunds.",
          "Sum of amount less refunds over won deals from a paid channel, in the site's currency.", Unit.MONEY),
    _lead("costed_revenue", "Revenue from ads with a known cost", f"sumIf({_NET}, {_WON} and is_costed)",
          "Revenue from campaigns whose cost is known. Only this is set against the cost.",
          "Revenue from ads where a report has the campaign, by name or ID.", Unit.MONEY),
)  # fmt: skip

RATIOS: tuple[Ratio, ...] = (
    Ratio(
        id="ads.cpc", label="Cost per click", unit=Unit.MONEY, top="ads.cost", bottom="ads.clicks", good="down",
        marketers="What an average click on an ad costs.", engineers="Ad cost over ad clicks.",
    ),
    Ratio(
        id="ads.cpm", label="Cost per 1,000 impressions", unit=Unit.MONEY, top="ads.cost", bottom="ads.impressions",
        good="down", scale=1000.0,
        marketers="What it costs to show an ad a thousand times.", engineers="Ad cost over impressions, times 1,000.",
    ),
    Ratio(
        id="ads.ctr", label="Click rate", unit=Unit.SHARE, top="ads.clicks", bottom="ads.impressions", good="up",
        marketers="Share of impressions that are clicked.", engineers="Ad clicks over ad impressions.",
    ),
    Ratio(
        id="ads.cost_per_visit", label="Cost per visit", unit=Unit.MONEY, top="ads.cost", bottom="ads.reported_visits",
        good="down",
        marketers="Cost of a visit from ads, where it is known. Lost clicks make it higher than the cost per click.",
        engineers="Ad cost over visits from ads whose ad system has a report for that day.",
    ),
    Ratio(
        id="ads.cost_per_lead", label="Cost per lead", unit=Unit.MONEY, top="ads.cost", bottom="ads.leads",
        good="down", marketers="What an average lead from ads costs.", engineers="Ad cost over leads from ads.",
    ),
    Ratio(
        id="ads.romi", label="ROMI of ads", unit=Unit.SHARE, top="ads.costed_revenue", bottom="ads.cost", less=1.0,
        good="up", marketers="Return on marketing investment: revenue beyond the cost, as a share of the cost.",
        engineers="Revenue of won deals from campaigns with a known cost over ad cost, less 1.",
    ),
    Ratio(
        id="ads.matched_cost_share", label="Share of cost with visits", unit=Unit.SHARE, top="ads.matched_cost",
        bottom="ads.cost", good="up",
        marketers="Share of the cost that can be linked to visits. The rest lacks tags or clicks.",
        engineers="Cost with matched visits over cost.",
    ),
    Ratio(
        id="ads.matched_visit_share", label="Share of visits with a cost", unit=Unit.SHARE, top="ads.matched_visits",
        bottom="ads.visits", good="up",
        marketers="Share of paid visits with a known cost. The others lack a report or a tag.",
        engineers="Matched visits over visits from ads.",
    ),
)  # fmt: skip

ESTIMATES: tuple[Estimate, ...] = ()
