"""Figures of who gets the credit."""

from tandem.metrics.catalogue.collect import TIME
from tandem.metrics.metric import Dimension, Estimate, Metric, PublishedView, Ratio, Side, Unit

PERMISSION = "money.read"
SIDE: Side = "marketing"

VIEWS = (PublishedView(id="credits", is_derived=True, begins_with="visits"),)
DIMENSIONS: tuple[Dimension, ...] = ()
METRICS: tuple[Metric, ...] = ()
RATIOS: tuple[Ratio, ...] = ()

BY = (*TIME, "channel")
Z = 1.959964
_HOW = (
    "Each conversion is split equally among the different channels of its journey, at most 30 days back (Shapley "
    "value). Updated every ten minutes."
)


def _chi_squared(degrees: str, z: float) -> str:
    """A quantile of the chi-squared distribution, near enough for a range.

    source   Wilson and Hilferty 1931: ends of ranges are within 1%, but for the lower one of a single conversion, which
             is 0.013 in place of 0.025
    """
    return f"{degrees} * pow(1 - 2 / (9 * {degrees}) + {z} * sqrt(2 / (9 * {degrees})), 3)"


def _low(credit: str, squares: str) -> str:
    """The lower end of the range of a weighted count. Source: Fay and Feuer 1997."""
    low = f"{squares} / (2 * {credit}) * {_chi_squared(f'(2 * pow({credit}, 2) / {squares})', -Z)}"
    return f"if({squares} > 0, greatest({low}, 0.), 0.)"


def _high(credit: str, squares: str, largest: str) -> str:
    """The upper end: as if one more conversion, the largest, had come."""
    above, wider = f"({credit} + {largest})", f"({squares} + pow({largest}, 2))"
    high = f"{wider} / (2 * {above}) * {_chi_squared(f'(2 * pow({above}, 2) / {wider})', Z)}"
    return f"if({above} > 0, {high}, {credit})"


ESTIMATES: tuple[Estimate, ...] = (
    Estimate(
        id="attribution.conversions", label="Credited conversions (Shapley)", unit=Unit.COUNT, view="credits",
        value="sum(credit)", low=_low("sum(credit)", "sum(squares)"), high=_high("sum(credit)", "sum(squares)", "1"),
        by=BY, good="up", rests_on_goals="main",
        marketers="Conversions, each shared equally among the channels that led to it (Shapley model). The Money "
        "page can show other models.",
        engineers=_HOW,
    ),
    Estimate(
        id="attribution.revenue", label="Credited revenue (Shapley)", unit=Unit.MONEY, view="credits",
        value="sum(worth)", low=_low("sum(worth)", "sum(worth_squares)"),
        high=_high("sum(worth)", "sum(worth_squares)", "max(whole_worth)"),
        by=BY, good="up", rests_on_goals="main",
        marketers="Conversion revenue, shared equally among the channels that led to each conversion (Shapley model). "
        "The Money page can show other models.",
        engineers=_HOW,
    ),
)  # fmt: skip
