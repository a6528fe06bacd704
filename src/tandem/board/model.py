"""What stands on the board, in which order for whom, and the shapes that templates draw. No figures of its own."""

from typing import Any

import msgspec

from tandem.base.web import relative
from tandem.metrics.ask import Value
from tandem.metrics.catalogue import FIGURES
from tandem.metrics.metric import Figure


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One of the five questions that both sides share. `missing` says what to do where nothing is measured yet."""

    id: str
    title: str
    owner: str
    figures: tuple[str, ...]
    missing: str = ""


GROUPS: dict[str, Group] = {
    g.id: g
    for g in (
        Group(
            id="speed", title="Speed", owner="engineering",
            figures=("collect.lcp_p75", "collect.inp_p75", "collect.cls_p75", "collect.ttfb_p75"),
        ),
        Group(
            id="visibility", title="Visibility", owner="marketing", figures=(),
            missing="Search visibility is not measured yet. Connect a search console export when that area is installed; "
            "until then see visits from organic search below.",
        ),
        Group(
            id="conversions", title="Conversions", owner="marketing",
            figures=(
                "collect.conversions", "collect.conversion_rate", "collect.revenue", "collect.orders",
                "collect.average_order",
            ),
        ),
        Group(
            id="uptime", title="Uptime", owner="engineering", figures=("collect.error_rate",),
            missing="Uptime is not measured yet. Add a probe when that area is installed; until then error pages are counted.",
        ),
        Group(
            id="engagement", title="Engagement", owner="both",
            figures=(
                "collect.visitors", "collect.visits", "collect.pageviews", "collect.engagement_rate",
                "collect.bounce_rate", "collect.seconds_per_visit",
            ),
        ),
    )
}  # fmt: skip

ORDER: dict[str, tuple[str, ...]] = {
    "marketing": ("conversions", "engagement", "visibility", "speed", "uptime"),
    "engineering": ("uptime", "speed", "engagement", "conversions", "visibility"),
    "executive": ("conversions", "visibility", "engagement", "uptime", "speed"),
}

HEADLINES: dict[str, tuple[str, ...]] = {
    "marketing": ("collect.visits", "collect.conversions", "collect.revenue"),
    "engineering": ("collect.lcp_p75", "collect.error_rate", "collect.visits"),
    "executive": ("collect.revenue", "collect.conversion_rate", "collect.lcp_p75"),
}
"""The figures of the one sentence above the board; the same board for all, another sentence first."""

BOARD_FIGURES = tuple(dict.fromkeys(f for group in GROUPS.values() for f in group.figures))


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """One figure on the board: value, what it was, and how it went."""

    figure: Figure
    value: Value
    before: Value
    trend: list[tuple[Any, Value]]

    @property
    def change(self) -> float | None:
        """Relative change against the comparison; None without a base."""
        return relative(self.value, self.before)

    @property
    def verdict(self) -> str:
        """good, bad or neutral: from what is good for this figure, never from the sign alone."""
        change = self.change
        if change is None or abs(change) < 0.005 or self.figure.good == "neither":
            return "neutral"
        return "good" if (change > 0) == (self.figure.good == "up") else "bad"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A split of figures: which, by what, and the rows that are shown of all there are."""

    id: str
    title: str
    by: tuple[str, ...]
    figures: tuple[str, ...]
    rows: list["Line"]
    total: int
    drill: str = ""
    """The split that a click on a row leads to."""

    @property
    def columns(self) -> list[Figure]:
        return [FIGURES[f] for f in self.figures]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a table. `share` is the first figure's part of the largest row, for the bar in the cell."""

    key: tuple[Any, ...]
    label: str
    values: list[Value]
    before: list[Value]
    share: float


class TableKind(msgspec.Struct, frozen=True, kw_only=True):
    """A table that the traffic page offers."""

    id: str
    title: str
    by: str
    figures: tuple[str, ...]
    drill: str = ""
    group: str = ""


VISIT_FIGURES = (
    "collect.visitors", "collect.visits", "collect.engagement_rate", "collect.converted_visits", "collect.conversion_rate",
    "collect.revenue",
)  # fmt: skip
PAGE_FIGURES = ("collect.page_visitors", "collect.page_visits", "collect.pageviews", "collect.seconds_per_pageview")
EDGE_FIGURES = ("collect.visitors", "collect.visits", "collect.bounce_rate", "collect.conversion_rate")
VITAL_FIGURES = (
    "collect.lcp_measured", "collect.lcp_p75", "collect.lcp_good_share", "collect.inp_p75", "collect.cls_p75", "collect.ttfb_p75",
)  # fmt: skip

TABLES: dict[str, TableKind] = {
    t.id: t
    for t in (
        TableKind(id="channels", title="Channels", by="channel", figures=VISIT_FIGURES, drill="sources", group="from"),
        TableKind(id="sources", title="Sources", by="source", figures=VISIT_FIGURES, drill="campaigns", group="from"),
        TableKind(id="campaigns", title="Campaigns", by="campaign", figures=VISIT_FIGURES, drill="keywords", group="from"),
        TableKind(id="keywords", title="Keywords", by="term", figures=VISIT_FIGURES, group="from"),
        TableKind(id="referrers", title="Referring sites", by="referrer", figures=VISIT_FIGURES, group="from"),
        TableKind(id="pages", title="Pages", by="page", figures=PAGE_FIGURES, group="pages"),
        TableKind(id="entries", title="Entry pages", by="entry", figures=EDGE_FIGURES, group="pages"),
        TableKind(id="exits", title="Exit pages", by="exit", figures=EDGE_FIGURES, group="pages"),
        TableKind(id="errors", title="Error pages", by="page", figures=("collect.error_pages",), group="pages"),
        TableKind(id="countries", title="Countries", by="country", figures=VISIT_FIGURES, group="who"),
        TableKind(id="cities", title="Cities", by="city", figures=VISIT_FIGURES, group="who"),
        TableKind(id="languages", title="Languages", by="language", figures=VISIT_FIGURES, group="who"),
        TableKind(id="loyalty", title="New or returning", by="loyalty", figures=VISIT_FIGURES, group="who"),
        TableKind(id="devices", title="Devices", by="device", figures=VISIT_FIGURES, drill="browsers", group="with"),
        TableKind(id="browsers", title="Browsers", by="browser", figures=VISIT_FIGURES, group="with"),
        TableKind(id="systems", title="Operating systems", by="os", figures=VISIT_FIGURES, group="with"),
        TableKind(id="bots", title="Bots", by="bot_name", figures=("collect.bot_visits", "collect.bot_share"), group="with"),
        TableKind(id="goals", title="Goals", by="goal", figures=("collect.conversions",), group="done"),
        TableKind(id="actions", title="Actions", by="action", figures=("collect.actions",), group="done"),
        TableKind(id="vitals", title="Web vitals by page", by="page", figures=VITAL_FIGURES, group="speed"),
    )
}
TABLE_GROUPS = ("from", "pages", "done", "who", "with", "speed")
