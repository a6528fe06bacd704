"""The shapes of the catalogue: counted, divided and modelled figures, and the dimensions they split by."""

from enum import StrEnum
from typing import Literal

import msgspec

from tandem.base.words import hand_in

Good = Literal["up", "down", "neither"]
Side = Literal["marketing", "engineering", "both"]
GoalsCounted = Literal["", "main", "all"]


class Unit(StrEnum):
    """What a figure is measured in; decides decimals, signs and how it is written."""

    COUNT = "count"
    SHARE = "share"  # 0 to 1, shown as a percentage
    MONEY = "money"  # in the site's currency
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    SCORE = "score"  # without unit, like CLS
    PER_VISIT = "per_visit"


class PublishedView(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows of a published view are. All have the columns `site` and `at`; what a slice publishes for figures,
    it declares here.

    `is_of_visits`   rows belong to a visit (`visit`, `visit_started`): they know robots (`bot`), and can be filtered by
                     what else happened in the visit
    `is_whole`       one row a visit, at the visit's start
    `is_derived`     rows rest on derived visits, which are rewritten when rules, hosts or the currency change
    `is_of_goals`    rows are goals reached, which are rewritten when goals change
    `begins_with`    the view whose first row says since when this one is measured; empty: its own
    """

    id: str
    is_of_visits: bool = False
    is_whole: bool = False
    is_derived: bool = False
    is_of_goals: bool = False
    begins_with: str = ""


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A counted figure: one view, one expression.

    `by` are the splits that are true for it; `adds_up` says whether the sum over days is the figure of the whole span;
    `permission` is what a reader must be allowed (accounts/permissions.py), however they ask; `side` answers
    for it.
    """

    id: str
    label: str
    unit: Unit
    view: str
    value: str
    by: tuple[str, ...]
    adds_up: bool
    good: Good
    marketers: str
    engineers: str
    with_bots: bool = False  # asked over people and robots alike
    permission: str = ""  # empty: that of its file in the catalogue
    side: Side | None = None  # likewise
    settles_after: int = 0  # days after which the outside system no longer restates it
    arrives: str = ""  # of cohorts: the question (metrics/sql) how many days outcomes took
    rests_on_goals: GoalsCounted = ""  # recounted when these change: main goals only, or any
    is_reported: bool = False  # an outside system tells of it: where it tells nothing, this is unknown and not 0
    counts: str = ""  # the count of its cases (orders of revenue); empty: it counts cases itself

    @property
    def owner(self) -> str:
        return self.id.partition(".")[0]


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """A divided figure: top over bottom, NULL when the bottom is 0. Its readers must be allowed both parts too.

    `less` is taken away from it: a return on investment is what came back beyond the cost (less 1).
    """

    id: str
    label: str
    unit: Unit
    top: str
    bottom: str
    good: Good
    marketers: str
    engineers: str
    scale: float = 1.0
    less: float = 0.0
    adds_up: bool = False
    permission: str = ""
    side: Side | None = None

    @property
    def owner(self) -> str:
        return self.id.partition(".")[0]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A model's answer; never shown without its range."""

    id: str
    label: str
    unit: Unit
    view: str
    low: str
    value: str
    high: str
    by: tuple[str, ...]
    good: Good
    marketers: str
    engineers: str
    adds_up: bool = False
    permission: str = ""  # empty: that of its file in the catalogue
    side: Side | None = None  # likewise
    settles_after: int = 0
    arrives: str = ""
    rests_on_goals: GoalsCounted = ""  # recounted when these change: main goals only, or any
    is_reported: bool = False

    @property
    def owner(self) -> str:
        return self.id.partition(".")[0]


Counted = Metric | Estimate
"""What a view tells of by itself: ratios are made of these."""
AnyMetric = Counted | Ratio


class Dimension(msgspec.Struct, frozen=True, kw_only=True):
    """A way to split or to filter. `column` is an SQL expression over the view.

    `home` is the view that knows it: a view that does not is filtered by the visits found there ("saw the page").
    `by_visit` are views that are filtered so too, though their rows can be split by it: there it says where something
    happened, and whoever reads about a page asks what its visitors did, on whatever page.

    `is_path` says that its values are paths in their normal form (base/paths.py).
    """

    id: str
    label: str
    column: str
    marketers: str
    is_time: bool = False
    home: str = "visits"
    by_visit: tuple[str, ...] = ()
    is_path: bool = False


hand_in(
    {
        "UNITS": {
            "count": "Counts",
            "share": "Shares",
            "money": "Money",
            "seconds": "Durations",
            "milliseconds": "Milliseconds",
            "score": "Scores",
            "per_visit": "Per visit",
        },
        "OWNERS": {"marketing": "Marketing", "engineering": "Engineering", "both": "Both sides"},
    }
)
