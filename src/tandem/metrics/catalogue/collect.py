"""Figures of what happened on the site."""

from tandem.base.words import hand_in
from tandem.metrics.metric import Dimension, Estimate, Metric, PublishedView, Ratio, Side, Unit

PERMISSION = "metrics.read"
SIDE: Side = "both"

TIME = ("hour", "day", "week", "month")
FROM = ("channel", "source", "medium", "campaign", "term", "content", "click", "referrer")
WHO = ("country", "city", "language", "device", "browser", "os", "loyalty", "bot", "bot_name", "network", "host")
VISIT = (*TIME, *FROM, *WHO, "entry", "exit")

VIEWS = tuple(
    PublishedView(
        id=name, is_of_visits=True, is_derived=True, begins_with="visits",
        is_whole=name in ("visits", "sales"), is_of_goals=name == "conversions",
    )
    for name in ("visits", "sales", "pageviews", "attention", "actions", "conversions", "vitals")
)  # fmt: skip

DIMENSIONS = (
    Dimension(id="hour", label="Hour", column="toStartOfHour(at, {zone:String})", is_time=True,
              marketers="Hour in the site's time zone."),
    Dimension(id="day", label="Day", column="toDate(at, {zone:String})", is_time=True,
              marketers="Day in the site's time zone."),
    Dimension(id="week", label="Week", column="toMonday(at, {zone:String})", is_time=True,
              marketers="Week, labelled by its Monday."),
    Dimension(id="month", label="Month", column="toStartOfMonth(at, {zone:String})", is_time=True,
              marketers="Calendar month in the site's time zone."),
    Dimension(id="minute", label="Minute", column="toStartOfMinute(at)", is_time=True,
              marketers="Minute, used on the Realtime page."),
    Dimension(id="channel", label="Channel", column="channel", marketers="Type of source the visit came from."),
    Dimension(id="source", label="Source", column="source", marketers="Site or system the visit came from."),
    Dimension(id="medium", label="Medium", column="medium", marketers="Type of traffic, such as cpc or referral."),
    Dimension(id="campaign", label="Campaign", column="campaign", marketers="Campaign given in the link."),
    Dimension(id="term", label="Keyword", column="term", marketers="Keyword given in the link."),
    Dimension(id="content", label="Ad content", column="content", marketers="Ad or link variant named in the link."),
    Dimension(id="click", label="Click ID", column="click", marketers="Ad system whose click ID was in the link."),
    Dimension(id="referrer", label="Referring site", column="referrer_host", marketers=(
        "Site with the link that was followed."
    )),
    Dimension(id="country", label="Country", column="country", marketers="Country of the visitor's address."),
    Dimension(id="city", label="City", column="city", marketers="City, if the operator has set up a city database."),
    Dimension(id="language", label="Language", column="language", marketers="Language of the browser."),
    Dimension(id="device", label="Device", column="device", marketers="Desktop, mobile, tablet or other."),
    Dimension(id="browser", label="Browser", column="browser", marketers="Browser family."),
    Dimension(id="os", label="Operating system", column="os", marketers="Operating system family."),
    Dimension(id="loyalty", label="New or returning", column="loyalty",
              marketers="Whether the browser has visited before. Unknown without a cookie."),
    Dimension(id="bot", label="Type of bot", column="bot", marketers="Type of bot. Empty for people."),
    Dimension(id="bot_name", label="Bot", column="bot_name", marketers="Name of the bot."),
    Dimension(id="network", label="Network", column="network", marketers=(
        "Whether the address belongs to a data centre."
    )),
    Dimension(id="host", label="Host", column="host", marketers="Host name of the site."),
    Dimension(id="entry", label="Entry page", column="entry", is_path=True, marketers="First page of the visit."),
    Dimension(id="exit", label="Exit page", column="exit", is_path=True, marketers="Last page of the visit."),
    Dimension(id="page", label="Page", column="page", home="pageviews", by_visit=("conversions", "actions"),
              is_path=True, marketers=(
                  "Page that was viewed, or where a goal or action happened. As a filter: visits that viewed it."
              )),
    Dimension(id="goal", label="Goal", column="toString(goal)", marketers="Goal that was reached.",
              home="conversions"),
    Dimension(id="action", label="Action", column="name", home="actions",
              marketers="Name of the event, link, file, form or search."),
    Dimension(id="kind", label="Type of action", column="kind", home="actions",
              marketers="Event, outbound link, download, form or search."),
    Dimension(id="vital", label="Web vital", column="vital", home="vitals", marketers="Which of the web vitals."),
)  # fmt: skip

CHANNELS = (
    "Direct", "Cross-network", "Paid Shopping", "Paid Search", "Paid Social", "Paid Video", "Display", "Paid Other",
    "AI Assistants", "Messengers", "Maps", "Marketplaces", "Organic Shopping", "Organic Social", "Organic Video",
    "Organic Search", "Referral", "Email", "Affiliates", "Audio", "SMS", "Mobile Push Notifications", "Unassigned",
    "No visit",
)  # fmt: skip
"""All that the rules of collect/rules/channels.toml can give, named as they are stored; and the channel of what was
told without a page view, as by a shop's server."""

_MAIN = "{main_goals:Array(UInt32)}"
_NO_MAIN = f"empty({_MAIN})"
_IS_ENGAGED = f"(bitOr(is_engaged, hasAny({_MAIN}, goals)))"
"""Not `or`, for which the engine cuts each block of visits to those whose goals decide: that takes twice the time."""
_MANY = "Unsampled. Bots are excluded unless requested."

METRICS = (
    Metric(
        id="collect.visitors", label="Visitors", unit=Unit.COUNT, view="visits", value="uniqExact(visitor)", by=VISIT,
        adds_up=False, good="up",
        marketers="Number of different browsers. Without a cookie, a browser is counted again each day.",
        engineers="Exact number of distinct visitor IDs among visits. " + _MANY,
    ),
    Metric(
        id="collect.visits", label="Visits", unit=Unit.COUNT, view="visits", value="count()", by=VISIT,
        adds_up=True, good="up",
        marketers=(
            "Visits to the site. A new visit starts after half an hour without activity, or with a new campaign."
        ),
        engineers="Visits with at least one page view, dated by the first one. " + _MANY,
    ),
    Metric(
        id="collect.pageviews", label="Page views", unit=Unit.COUNT, view="pageviews", value="count()",
        by=(*VISIT, "page"), adds_up=True, good="up",
        marketers="Pages that were opened.",
        engineers=(
            "Page view events, including single-page navigation and the back-forward cache. Each ID counts once."
        ),
    ),
    Metric(
        id="collect.page_visits", label="Visits with the page", unit=Unit.COUNT, view="pageviews",
        value="uniqExact(visit)", by=(*VISIT, "page"), adds_up=False, good="up",
        marketers="Visits in which the page was opened.",
        engineers="Exact number of distinct visits among page views.",
    ),
    Metric(
        id="collect.page_visitors", label="Visitors of the page", unit=Unit.COUNT, view="pageviews",
        value="uniqExact(visitor)", by=(*VISIT, "page"), adds_up=False, good="up",
        marketers="Number of different browsers that opened the page.",
        engineers="Exact number of distinct visitors among page views.",
    ),
    Metric(
        id="collect.exits", label="Exits", unit=Unit.COUNT, view="pageviews",
        value="uniqExactIf(visit, page = exit)", by=(*VISIT, "page"), adds_up=False, good="neither",
        marketers="Visits that ended on the page.",
        engineers="Exact number of distinct visits whose last page view was of this page.",
    ),
    Metric(
        id="collect.engaged_visits", label="Engaged visits", unit=Unit.COUNT, view="visits",
        value=f"countIf{_IS_ENGAGED}", by=VISIT, adds_up=True, good="up", rests_on_goals="main",
        marketers="Visits with at least 10 seconds of active time, two pages or a main goal.",
        engineers="Visits with engaged_ms >= 10,000, pageviews > 1 or a hit that meets a main goal (the GA4 rule).",
    ),
    Metric(
        id="collect.bounced_visits", label="Bounced visits", unit=Unit.COUNT, view="visits",
        value=f"countIf(not {_IS_ENGAGED})", by=VISIT, adds_up=True, good="down", rests_on_goals="main",
        marketers="Visits that were not engaged.",
        engineers="Visits minus engaged visits.",
    ),
    Metric(
        id="collect.engaged_seconds", label="Active time", unit=Unit.SECONDS, view="visits",
        value="sum(engaged_ms) / 1000", by=VISIT, adds_up=True, good="up", counts="collect.visits",
        marketers="Time with the page in view and the visitor active.",
        engineers="Sum of engaged_ms reported by pages: page in view, and input within the last 30 seconds.",
    ),
    Metric(
        id="collect.page_seconds", label="Active time on page", unit=Unit.SECONDS, view="attention",
        value="sum(engaged_ms) / 1000", by=(*VISIT, "page"), adds_up=True, good="up",
        counts="collect.pageviews",
        marketers="Active time on the page.",
        engineers="Sum of engaged_ms by page.",
    ),
    Metric(
        id="collect.conversions", label="Conversions", unit=Unit.COUNT, view="conversions",
        value=f"if({_NO_MAIN}, null, countIf(has({_MAIN}, goal)))", by=(*VISIT, "page"), adds_up=True, good="up",
        rests_on_goals="main",
        marketers="How often the main goal was reached. Steps along the way, such as a cart, do not count.",
        engineers=(
            "Events that match a main goal. An event that matches two main goals counts twice. NULL until a main "
            "goal is chosen."
        ),
    ),
    Metric(
        id="collect.goals_reached", label="Goals reached", unit=Unit.COUNT, view="conversions", value="count()",
        by=(*VISIT, "page", "goal"), adds_up=True, good="up", rests_on_goals="all",
        marketers="How often each goal was reached, steps included. One sale can reach several goals.",
        engineers="Events that match a goal. An event that matches two goals counts twice.",
    ),
    Metric(
        id="collect.converted_visits", label="Visits that converted", unit=Unit.COUNT, view="visits",
        value=f"if({_NO_MAIN}, null, countIf(hasAny({_MAIN}, goals)))", by=VISIT, adds_up=True, good="up",
        rests_on_goals="main",
        marketers="Visits that reached a main goal.",
        engineers="Visits with an event that matches a main goal. NULL until a main goal is chosen.",
    ),
    Metric(
        id="collect.revenue", label="Revenue", unit=Unit.MONEY, view="sales", value="sum(revenue)", by=VISIT,
        adds_up=True, good="up", counts="collect.orders",
        marketers="Revenue from orders on the site, minus refunds.",
        engineers=(
            "Sum of event amounts in the site's currency. Amounts in other currencies are stored but not added."
        ),
    ),
    Metric(
        id="collect.orders", label="Orders", unit=Unit.COUNT, view="sales", value="sum(orders)", by=VISIT,
        adds_up=True, good="up",
        marketers="Events with a positive amount.",
        engineers=(
            "Events with amount > 0 in the site's currency. Events sent by a server count even without a page view."
        ),
    ),
    Metric(
        id="collect.error_pages", label="Error pages", unit=Unit.COUNT, view="pageviews",
        value="countIf(status >= 400)", by=(*VISIT, "page"), adds_up=True, good="down",
        marketers="How often visitors landed on a page that does not exist or failed.",
        engineers="Page views whose page declared a status of 400 or more.",
    ),
    Metric(
        id="collect.new_visits", label="Visits by new visitors", unit=Unit.COUNT, view="visits",
        value="countIf(loyalty = 'new')", by=VISIT, adds_up=True, good="neither",
        marketers="First visits by browsers that allow a cookie.",
        engineers="Visits that began within 30 minutes of the cookie being set.",
    ),
    Metric(
        id="collect.known_visits", label="Visits with a cookie", unit=Unit.COUNT, view="visits",
        value="countIf(loyalty != 'unknown')", by=VISIT, adds_up=True, good="neither",
        marketers="Visits for which it is known whether the browser has visited before.",
        engineers="Visits with a first-party cookie.",
    ),
    Metric(
        id="collect.bot_visits", label="Bot visits", unit=Unit.COUNT, view="visits", value="countIf(bot != '')",
        by=VISIT, adds_up=True, good="neither", with_bots=True,
        marketers="Visits by bots that run scripts.",
        engineers="Visits whose user agent or network belongs to a bot. Counted over all visits, bots included.",
    ),
    Metric(
        id="collect.all_visits", label=(
            "Visits including bots"
        ), unit=Unit.COUNT, view="visits", value="countIf(1)", by=VISIT,
        adds_up=True, good="neither", with_bots=True,
        marketers="Visits by people and bots.",
        engineers="All visits, bots included.",
    ),
    Metric(
        id="collect.actions", label="Actions", unit=Unit.COUNT, view="actions", value="count()",
        by=(*VISIT, "page", "action", "kind"), adds_up=True, good="up",
        marketers="Custom events, outbound links, downloads, forms and searches.",
        engineers="Events that are neither page views nor measurements.",
    ),
    *(
        Metric(
            id=f"collect.{vital.lower()}_p75", label=label, unit=unit, view="vitals",
            value=f"quantileExactIf(0.75)(value, vital = '{vital}')", by=(*VISIT, "page"), adds_up=False, good="down",
            counts=f"collect.{vital.lower()}_measured", marketers=meaning,
            engineers=f"75th percentile of {vital} as the browser measured it (exact quantile, web-vitals library).",
        )
        for vital, label, unit, meaning in (
            ("LCP", "Largest paint (LCP)", Unit.MILLISECONDS, (
                "In three quarters of page loads, the main content appears within this time."
            )),
            ("INP", "Response (INP)", Unit.MILLISECONDS, (
                "In three quarters of page loads, the page reacts to input within this time."
            )),
            ("CLS", "Layout shift (CLS)", Unit.SCORE, (
                "How much the page shifts while it loads. Three quarters of page loads stay at or below this value."
            )),
            ("TTFB", "First byte (TTFB)", Unit.MILLISECONDS, "How long the server takes to start responding."),
        )
    ),
    Metric(
        id="collect.lcp_slow", label="Slow page loads", unit=Unit.COUNT, view="vitals",
        value="countIf(vital = 'LCP' and value > 2500)", by=(*VISIT, "page"), adds_up=True, good="down",
        marketers="Page loads whose main content took more than 2.5 seconds to appear.",
        engineers="Measurements of LCP above 2,500 ms.",
    ),
    *(
        Metric(
            id=f"collect.{vital.lower()}_{what}", label=f"{vital} {what}", unit=Unit.COUNT, view="vitals",
            value=f"countIf(vital = '{vital}'{condition})", by=(*VISIT, "page"), adds_up=True, good=good,  # type: ignore[arg-type]
            marketers=f"Page loads with {meaning} {vital}.", engineers=f"Measurements of {vital}{condition}.",
        )
        for vital, limit in (("LCP", 2500), ("INP", 200), ("CLS", 0.1), ("TTFB", 800))
        for what, condition, meaning, good in (
            ("good", f" and value <= {limit}", "good", "up"),
            ("measured", "", "measured", "neither"),
        )
    ),
)  # fmt: skip

RATIOS = (
    Ratio(
        id="collect.bounce_rate", label="Bounce rate", unit=Unit.SHARE, top="collect.bounced_visits",
        bottom="collect.visits", good="down",
        marketers="Share of visits that were not engaged.", engineers="Bounced visits over visits.",
    ),
    Ratio(
        id="collect.exit_rate", label="Exit rate", unit=Unit.SHARE, top="collect.exits",
        bottom="collect.page_visits", good="down",
        marketers="Share of the visits with the page that ended on it.",
        engineers="Exits over visits with the page.",
    ),
    Ratio(
        id="collect.engagement_rate", label="Engagement rate", unit=Unit.SHARE, top="collect.engaged_visits",
        bottom="collect.visits", good="up",
        marketers=(
            "Share of visits with at least 10 seconds of active time, two pages or a main goal."
        ), engineers="Engaged visits over visits.",
    ),
    Ratio(
        id="collect.seconds_per_visit", label=(
            "Active time per visit"
        ), unit=Unit.SECONDS, top="collect.engaged_seconds",
        bottom="collect.visits", good="up",
        marketers="Average active time per visit.", engineers="Active seconds over visits.",
    ),
    Ratio(
        id="collect.seconds_per_pageview", label=(
            "Active time per page view"
        ), unit=Unit.SECONDS, top="collect.page_seconds",
        bottom="collect.pageviews", good="up",
        marketers="Average active time per page view.", engineers="Active seconds over page views.",
    ),
    Ratio(
        id="collect.pages_per_visit", label="Pages per visit", unit=Unit.PER_VISIT, top="collect.pageviews",
        bottom="collect.visits", good="up",
        marketers="Average number of pages opened per visit.", engineers="Page views over visits.",
    ),
    Ratio(
        id="collect.conversion_rate", label="Conversion rate", unit=Unit.SHARE, top="collect.converted_visits",
        bottom="collect.visits", good="up",
        marketers="Share of visits that reached a main goal.", engineers="Visits with a conversion over visits.",
    ),
    Ratio(
        id="collect.average_order", label="Average order value", unit=Unit.MONEY, top="collect.revenue",
        bottom="collect.orders", good="up",
        marketers="Average revenue per order.", engineers="Revenue over orders.",
    ),
    Ratio(
        id="collect.revenue_per_visit", label="Revenue per visit", unit=Unit.MONEY, top="collect.revenue",
        bottom="collect.visits", good="up",
        marketers="Average revenue per visit.", engineers="Revenue over visits.",
    ),
    Ratio(
        id="collect.new_share", label="New visitor share", unit=Unit.SHARE, top="collect.new_visits",
        bottom="collect.known_visits", good="neither",
        marketers="Share of first visits, among visits with a cookie.",
        engineers="New visits over visits with a cookie.",
    ),
    Ratio(
        id="collect.bot_share", label="Bot share", unit=Unit.SHARE, top="collect.bot_visits",
        bottom="collect.all_visits", good="neither",
        marketers="Share of visits by bots that run scripts.", engineers="Bot visits over all visits.",
    ),
    Ratio(
        id="collect.error_rate", label="Error page rate", unit=Unit.SHARE, top="collect.error_pages",
        bottom="collect.pageviews", good="down",
        marketers="Share of page views that showed an error page.", engineers="Error page views over page views.",
    ),
    *(
        Ratio(
            id=f"collect.{vital.lower()}_good_share", label=f"Good {vital}", unit=Unit.SHARE,
            top=f"collect.{vital.lower()}_good", bottom=f"collect.{vital.lower()}_measured", good="up",
            marketers=f"Share of page loads with a good {vital}.",
            engineers=f"Share of {vital} measurements at or below {limit}.",
        )
        for vital, limit in (("LCP", "2.5 s"), ("INP", "200 ms"), ("CLS", "0.1"), ("TTFB", "800 ms"))
    ),
)  # fmt: skip

ESTIMATES: tuple[Estimate, ...] = ()

hand_in(
    members={("channel", name): name for name in CHANNELS}
    | {
        ("device", "desktop"): "Desktop",
        ("device", "mobile"): "Phone",
        ("device", "tablet"): "Tablet",
        ("device", "tv"): "Television",
        ("device", "bot"): "Bot",
        ("device", "other"): "Other device",
        ("device", "console"): "Game console",
        ("device", "wearable"): "Watch",
        ("loyalty", "new"): "New visitors",
        ("loyalty", "returning"): "Returning visitors",
        ("loyalty", "unknown"): "Unknown (no cookie)",
        ("network", "datacentre"): "Data centre",
        ("kind", "event"): "Custom event",
        ("kind", "outbound"): "Outbound link",
        ("kind", "download"): "Download",
        ("kind", "form"): "Form",
        ("kind", "search"): "Site search",
        ("bot", "search"): "Search engine",
        ("bot", "ai"): "AI crawler",
        ("bot", "seo"): "SEO tool",
        ("bot", "monitoring"): "Monitoring",
        ("bot", "social preview"): "Link preview",
        ("bot", "feed"): "Feed reader",
        ("bot", "archive"): "Archive",
        ("bot", "tool"): "Program",
        ("bot", "security"): "Security scanner",
        ("bot", "datacentre"): "Data centre",
        ("bot", "other"): "Other bot",
    }
)
