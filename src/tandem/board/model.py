"""What stands on the board, in which order for whom, and the shapes that templates draw. No figures of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tandem.core.query import Filter, Value
from tandem.metrics.metric import AnyMetric
from tandem.metrics.tabs import Tab
from tandem.metrics.verdict import Compared


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A question of the board. `missing` says what to do where nothing is measured yet.

    Both sides share five, in the order of their lens; the executive has three of two figures each. `meaning` puts the
    question in the words of those lenses that show it; a figure is the same wherever it stands.
    """

    id: str
    title: str
    owner: str
    metrics: tuple[str, ...]
    meaning: dict[str, str]
    missing: str = ""
    instead: str = ""
    """What can be looked at until it is measured, and …"""
    instead_query: dict[str, str] = {}
    """… the part of the address that leads there."""


GROUPS: dict[str, Group] = {
    g.id: g
    for g in (
        Group(
            id="speed",
            title="Speed",
            owner="engineering",
            metrics=("collect.lcp_p75", "collect.inp_p75", "collect.cls_p75", "collect.ttfb_p75"),
            meaning={
                "marketing": (
                    "How long people wait before they can read and click. Every extra second loses visits that ads "
                    "have paid for."
                ),
                "engineering": "Web vitals at the 75th percentile, as real browsers measured them.",
            },
        ),
        Group(
            id="visibility",
            title="Visibility",
            owner="marketing",
            metrics=(),
            meaning={
                "marketing": "Whether people find the site when they search for what it offers.",
                "engineering": "Whether search engines can crawl, render and index the site.",
            },
            missing=(
                "Search visibility is not measured yet. Imports from search consoles are coming in a later version."
            ),
            instead="See visits from organic search",
            instead_query={"f": "channel:is:Organic Search"},
        ),
        Group(
            id="conversions",
            title="Conversions",
            owner="marketing",
            metrics=(
                "collect.conversions",
                "collect.conversion_rate",
                "collect.revenue",
                "collect.orders",
                "collect.average_order",
            ),
            meaning={
                "marketing": "What visits lead to: goals reached, orders and revenue.",
                "engineering": (
                    "Goal hits and order events. A drop without a drop in visits often means a broken form or script."
                ),
            },
        ),
        Group(
            id="uptime",
            title="Uptime",
            owner="engineering",
            metrics=("collect.error_rate",),
            meaning={
                "marketing": "Whether the landing pages of campaigns are available.",
                "engineering": "Availability as seen by uptime checks and visitors.",
            },
            missing=(
                "Uptime is not measured yet. Uptime checks are coming in a later version. Until then, error pages "
                "are counted."
            ),
            instead="See the error pages",
            instead_query={"figure": "collect.error_pages", "pages": "errors"},
        ),
        Group(
            id="engagement",
            title="Engagement",
            owner="both",
            metrics=(
                "collect.visitors",
                "collect.visits",
                "collect.pageviews",
                "collect.engagement_rate",
                "collect.bounce_rate",
                "collect.seconds_per_visit",
            ),
            meaning={
                "marketing": "How many people visit, and whether the content keeps them.",
                "engineering": "How much traffic the site carries, and whether its pages work well enough.",
            },
        ),
        # The executive's board: six figures for the questions of whoever answers for both sides.
        Group(
            id="money",
            title="Money",
            owner="both",
            metrics=("collect.revenue", "collect.average_order"),
            meaning={"executive": "What the site earns, and how much with each order."},
        ),
        Group(
            id="growth",
            title="Growth",
            owner="marketing",
            metrics=("collect.visits", "collect.conversions"),
            meaning={"executive": "How many visits it gets, and what they lead to."},
        ),
        Group(
            id="risk",
            title="Risk",
            owner="engineering",
            metrics=("collect.lcp_p75", "collect.error_rate"),
            meaning={"executive": "Whether a slow or broken site loses them."},
        ),
    )
}

ORDER: dict[str, tuple[str, ...]] = {
    "marketing": ("conversions", "engagement", "visibility", "speed", "uptime"),
    "engineering": ("uptime", "speed", "engagement", "conversions", "visibility"),
    "executive": ("money", "growth", "risk"),
}

HEADLINES: dict[str, tuple[str, ...]] = {
    "marketing": ("collect.visits", "collect.conversions", "collect.revenue"),
    "engineering": ("collect.lcp_p75", "collect.error_rate", "collect.visits"),
    "executive": ("collect.revenue", "collect.conversion_rate", "collect.lcp_p75"),
}
"""The figures of the one sentence above the board; the same board for all, another sentence first."""

SALES = ("collect.conversions", "collect.orders", "collect.revenue")
HEALTH = (*GROUPS["speed"].metrics, *GROUPS["uptime"].metrics)
ANSWERS: dict[str, tuple[str, ...]] = {"marketing": SALES, "engineering": HEALTH, "executive": SALES}
"""The figures that answer the question of each lens: traffic alone answers none, nor does a share of it."""
GUARDS: dict[str, tuple[str, ...]] = {"executive": HEALTH}
"""Figures that can only speak against a good answer: a faster site does its job no better while sales stand."""

QUESTIONS: dict[str, str] = {
    "marketing": "Is the site winning customers?",
    "engineering": "Is the site fast and reliable?",
    "executive": "Is the site doing its job?",
}
"""The board's title, by lens."""

BOARD_METRICS = tuple(dict.fromkeys(f for group in GROUPS.values() for f in group.metrics))


class Sparkline(msgspec.Struct, frozen=True, kw_only=True):
    """A small time chart in a box of 100 by 32: paths to draw, and marks of changes as (x, title)."""

    path: str
    area: str
    unfinished: str
    marks: list[tuple[float, str]]


def sparkline(
    points: list[tuple[Any, Value]], marks: list[tuple[int, str]], is_partial: bool, from_zero: bool = True
) -> Sparkline:
    """The points as paths; days without data are gaps, and the step that is not over yet is apart (drawn dashed).

    marks       position among the points, and what to say there
    from_zero   amounts stand on a zero line; shares and times would be flat there, so theirs shows their own range
    """
    values = [v for _, v in points if v is not None]
    top, low = max(values, default=0), min(values, default=0)
    bottom = min(0, low) if from_zero else max(0, low - (top - low)) if low >= 0 else low
    step = 100 / max(len(points) - 1, 1)
    height = (top - bottom) or 1
    dots = [None if v is None else (i * step, 26 - 23 * (v - bottom) / height) for i, (_, v) in enumerate(points)]
    whole = dots[:-1] if is_partial and len(dots) > 2 else dots
    tail = [d for d in dots[len(whole) - 1 :] if d] if len(whole) < len(dots) else []
    runs = _runs(whole)
    areas = [f"{_path(run)} L{run[-1][0]:.1f} 32 L{run[0][0]:.1f} 32 Z" for run in runs if len(run) > 1]
    return Sparkline(
        path=" ".join(_path(run) for run in runs),
        area=" ".join(areas) if from_zero else "",
        unfinished=_path(tail) if len(tail) == 2 else "",
        marks=[(round(i * step, 1), title) for i, title in marks],
    )


def _runs(dots: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """Stretches without a gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for dot in dots:
        if dot is not None:
            runs[-1].append(dot)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _path(dots: list[tuple[float, float]]) -> str:
    first, *rest = dots
    lines = rest or [(first[0] + 0.01, first[1])]  # a lone point is a dot, drawn by the line's round end
    return f"M{first[0]:.1f} {first[1]:.1f} " + " ".join(f"L{x:.1f} {y:.1f}" for x, y in lines)


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """One figure on the board: value, how it went, and its course."""

    metric: AnyMetric
    value: Value
    compared: Compared
    trend: list[tuple[Any, Value]]
    line: Sparkline


def deciding(tiles: Mapping[str, Tile], lens: str) -> list[Tile]:
    """The tiles, by their figure, whose verdicts answer the question of the lens."""
    guards = [f for f in GUARDS.get(lens, ()) if f in tiles and tiles[f].compared.verdict == "bad"]
    return [tiles[f] for f in (*ANSWERS[lens], *guards) if f in tiles]


def headline(tiles: Mapping[str, Tile], lens: str) -> list[Tile]:
    """The tiles that the sentence names: those that its verdict rests on, and behind them the others of the lens."""
    decided = [t.metric.id for t in deciding(tiles, lens) if t.compared.verdict != "neutral"]
    return [tiles[f] for f in dict.fromkeys((*decided, *HEADLINES[lens])) if f in tiles]


def outcome(tiles: list[Tile], has_data: bool = False) -> str:
    """What a few figures say together: better, worse, mixed, same, alone (nothing can be said) or none (no data).

    has_data   other figures of the page hold something: these say little then, but not that nothing was measured
    """
    if not has_data and not any(t.value for t in tiles):
        return "none"
    verdicts = {t.compared.verdict for t in tiles} - {"neutral"}
    if verdicts == {"good", "bad"}:
        return "mixed"
    if verdicts:
        return {"good": "better", "bad": "worse"}[verdicts.pop()]
    if not any(t.value for t in tiles):
        return "alone"
    is_told = all(t.compared.direction or t.compared.change is None for t in tiles)
    return "same" if is_told and any(t.compared.direction for t in tiles) else "alone"


VISIT_METRICS = (
    "collect.visitors",
    "collect.visits",
    "collect.engagement_rate",
    "collect.converted_visits",
    "collect.conversion_rate",
    "collect.revenue",
)
VISIT_BY_LENS = {
    "engineering": (
        "collect.visits",
        "collect.pageviews",
        "collect.lcp_p75",
        "collect.inp_p75",
        "collect.ttfb_p75",
        "collect.error_rate",
    ),
    "executive": (
        "collect.visitors",
        "collect.conversion_rate",
        "collect.orders",
        "collect.revenue",
        "collect.revenue_per_visit",
    ),
}
"""Marketing asks what visits lead to, engineering how well pages work for them, executives what they are worth."""
PAGE_METRICS = (
    "collect.page_visitors",
    "collect.page_visits",
    "collect.pageviews",
    "collect.seconds_per_pageview",
    "collect.exit_rate",
)
EXIT_METRICS = ("collect.exits", "collect.exit_rate", "collect.page_visits", "collect.seconds_per_pageview")
EDGE_METRICS = ("collect.visitors", "collect.visits", "collect.bounce_rate", "collect.conversion_rate")
VITAL_METRICS = (
    "collect.lcp_slow",
    "collect.lcp_p75",
    "collect.lcp_good_share",
    "collect.inp_p75",
    "collect.cls_p75",
    "collect.ttfb_p75",
    "collect.lcp_measured",
)
"""Sorted by what slowness costs: how many page loads were slow, not how slow the worst was."""


def _of_visits(**facts: Any) -> Tab:
    return Tab(metrics=VISIT_METRICS, by_lens=VISIT_BY_LENS, **facts)


TABLES: dict[str, Tab] = {
    t.id: t
    for t in (
        _of_visits(
            id="channels",
            title="Channels",
            by="channel",
            drill="sources",
            group="from",
        ),
        _of_visits(
            id="sources",
            title="Sources",
            by="source",
            drill="campaigns",
            group="from",
        ),
        _of_visits(
            id="campaigns",
            empty="No visits from campaign links in this period. Add utm_campaign to your links.",
            title="Campaigns",
            by="campaign",
            extra=(Filter("campaign", "is_not", ("",)),),
            drill="keywords",
            group="from",
        ),
        _of_visits(
            id="keywords",
            empty="No visits from campaign links in this period. Add utm_campaign to your links.",
            title="Keywords",
            by="term",
            extra=(Filter("term", "is_not", ("",)),),
            group="from",
        ),
        _of_visits(
            id="referrers",
            title="Referring sites",
            by="referrer",
            extra=(Filter("referrer", "is_not", ("",)),),
            group="from",
        ),
        Tab(id="pages", title="Pages", by="page", metrics=PAGE_METRICS, group="pages"),
        Tab(id="entries", title="Entry pages", by="entry", metrics=EDGE_METRICS, group="pages"),
        Tab(id="exits", title="Exit pages", by="page", metrics=EXIT_METRICS, group="pages"),
        Tab(
            id="errors",
            title="Error pages",
            by="page",
            metrics=("collect.error_pages",),
            group="pages",
            empty="No error pages were shown in this period.",
        ),
        _of_visits(id="countries", title="Countries", by="country", group="who"),
        _of_visits(
            id="cities",
            empty="There is no city data yet. The operator can set a city database in TANDEM_CITY_MMDB.",
            title="Cities",
            by="city",
            extra=(Filter("city", "is_not", ("",)),),
            group="who",
        ),
        _of_visits(id="languages", title="Languages", by="language", group="who"),
        _of_visits(
            id="loyalty",
            title="New or returning",
            by="loyalty",
            group="who",
        ),
        _of_visits(
            id="devices",
            title="Devices",
            by="device",
            drill="browsers",
            group="with",
        ),
        _of_visits(id="browsers", title="Browsers", by="browser", group="with"),
        _of_visits(id="systems", title="Operating systems", by="os", group="with"),
        Tab(
            id="bots",
            title="Bots",
            by="bot_name",
            metrics=("collect.bot_visits",),
            group="with",
            extra=(Filter("bot", "is_not", ("",)),),
            with_bots=True,
        ),
        Tab(
            id="goals",
            title="Goals",
            by="goal",
            metrics=("collect.goals_reached",),
            group="done",
            empty="No goal was reached in this period.",
        ),
        Tab(id="actions", title="Actions", by="action", metrics=("collect.actions",), group="done"),
        Tab(id="vitals", title="Web vitals by page", by="page", metrics=VITAL_METRICS, group="speed"),
    )
}
TABLE_GROUPS: dict[str, str] = {
    "from": "Where do visits come from?",
    "pages": "Which pages do they open?",
    "done": "What do they do?",
    "who": "Who are they?",
    "with": "What do they use?",
    "speed": "Which pages are slow?",
}
"""The questions of the traffic page, each answered by a few tables."""
GROUP_ORDER: dict[str, tuple[str, ...]] = {
    "marketing": tuple(TABLE_GROUPS),
    "engineering": ("speed", "pages", "with", "from", "done", "who"),
    "executive": ("from", "done", "who", "pages", "with", "speed"),
}
CHARTED: dict[str, str] = {
    "marketing": "collect.visits",
    "engineering": "collect.lcp_p75",
    "executive": "collect.revenue",
}
"""What Traffic charts, and its sentence tells of, until the reader chooses another figure."""
