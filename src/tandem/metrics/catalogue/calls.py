"""Figures of calls."""

from tandem.metrics.catalogue.collect import TIME
from tandem.metrics.metric import Dimension, Estimate, Metric, PublishedView, Ratio, Side, Unit

PERMISSION = "calls.read"
SIDE: Side = "marketing"

BY = (*TIME, "channel", "source", "medium", "campaign", "term", "content", "entry")
_WHOSE = "A call has the source of its most certain visit."

VIEWS = (PublishedView(id="calls_received"),)

DIMENSIONS: tuple[Dimension, ...] = ()


def _count(name: str, label: str, value: str, good: str, marketers: str, engineers: str) -> Metric:
    return Metric(
        id=f"calls.{name}", label=label, unit=Unit.COUNT, view="calls_received", value=value, by=BY, adds_up=True,
        good=good, marketers=marketers, engineers=f"{engineers} {_WHOSE}",  # type: ignore[arg-type]
    )  # fmt: skip


METRICS: tuple[Metric, ...] = (
    _count("calls", "Calls", "count()", "up", "Number of incoming calls.",
           "Incoming calls. Each call counts once, however often the phone system reports it."),
    _count("answered", "Answered calls", "countIf(outcome = 'answered')", "up",
           "Calls that somebody picked up.", "Calls in which at least one leg was answered."),
    _count("missed", "Missed calls", "countIf(outcome in ('missed', 'busy', 'failed', 'voicemail'))", "down",
           "Calls that reached nobody: not picked up, busy, failed or left to voicemail.",
           "Calls that have ended and in which no leg was answered."),
    _count("first", "First calls", "countIf(is_first)", "up",
           "Calls of people with no earlier call on record.",
           "Calls at the earliest known time of their caller. Withheld numbers never count."),
    Metric(
        id="calls.talk", label="Talk time", unit=Unit.SECONDS, view="calls_received", value="sum(talk_s)", by=BY,
        adds_up=True, good="neither", counts="calls.answered",
        marketers="How long people talked on the phone altogether.",
        engineers=f"Sum of the seconds between answer and end. {_WHOSE}",
    ),
    Metric(
        id="calls.wait", label="Wait for an answer", unit=Unit.SECONDS, view="calls_received",
        value="avgOrNullIf(wait_s, outcome = 'answered')", by=BY, adds_up=False, good="down",
        counts="calls.answered", marketers="How long callers waited until somebody picked up, on average.",
        engineers=f"Mean seconds of ringing over answered calls. {_WHOSE}",
    ),
    Metric(
        id="calls.certainty", label="Certainty of the source", unit=Unit.SHARE, view="calls_received",
        value="avgOrNull(certainty)", by=BY, adds_up=False, good="up",
        counts="calls.calls",
        marketers="How certain it is, on average, that a call came from the visit it is credited to.",
        engineers=f"Mean posterior probability of the best visit: 0 without a visit, 1 for a fixed number. {_WHOSE}",
    ),
)  # fmt: skip

RATIOS: tuple[Ratio, ...] = (
    Ratio(
        id="calls.missed_share", label="Share of missed calls", unit=Unit.SHARE, top="calls.missed",
        bottom="calls.calls", good="down", marketers="Share of calls that reached nobody.",
        engineers="Missed calls over calls.",
    ),
    Ratio(
        id="calls.first_share", label="Share of first calls", unit=Unit.SHARE, top="calls.first",
        bottom="calls.calls", good="up",
        marketers="Share of calls from people with no earlier call on record.",
        engineers="First calls over calls.",
    ),
)  # fmt: skip

ESTIMATES: tuple[Estimate, ...] = ()
