"""Figures of failed checks, whichever area they are of."""

from tandem.base.words import hand_in
from tandem.metrics.catalogue.collect import TIME
from tandem.metrics.metric import Dimension, Estimate, Metric, PublishedView, Ratio, Side, Unit

PERMISSION = "money.read"  # what reconciliation finds tells amounts
SIDE: Side = "both"

BY = (*TIME, "area", "severity", "side")
_WHEN = "Findings are dated by when they were first seen. Updated every minute."

VIEWS = (PublishedView(id="findings"),)

DIMENSIONS: tuple[Dimension, ...] = (
    Dimension(id="area", label="Area", column="slice", home="findings",
              marketers="Area of the product whose check failed."),
    Dimension(id="severity", label="Severity", column="severity", home="findings",
              marketers="How serious the finding is."),
    Dimension(id="side", label="Side", column="side", home="findings", marketers="Side that has to fix it."),
)  # fmt: skip

METRICS: tuple[Metric, ...] = (
    Metric(
        id="findings.raised", label="New findings", unit=Unit.COUNT, view="findings", value="count()", by=BY,
        adds_up=True, good="down",
        marketers="Failed checks, by the date they were first seen.",
        engineers=f"Findings in every state. A finding that was fixed and comes back counts again. {_WHEN}",
    ),
    Metric(
        id="findings.open", label="Findings still open", unit=Unit.COUNT, view="findings",
        value="countIf(state = 'open')", by=BY, adds_up=True, good="neither",  # newer ones had less time to be fixed
        marketers="Checks that started to fail in this period and are not fixed or explained yet.",
        engineers=f"Findings that are open now: not explained, ignored or fixed. {_WHEN}",
    ),
)  # fmt: skip
RATIOS: tuple[Ratio, ...] = ()
ESTIMATES: tuple[Estimate, ...] = ()

hand_in(
    members={
        ("severity", "low"): "low",
        ("severity", "medium"): "medium",
        ("severity", "high"): "high",
        ("side", "marketing"): "Marketing",
        ("side", "engineering"): "Engineering",
        ("side", "both"): "Both sides",
    }
)
