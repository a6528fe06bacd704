"""The calls of one person, for their profile."""

from collections.abc import Sequence

from tandem.accounts.model import Site
from tandem.calls import store
from tandem.core.context import Context
from tandem.core.slice import TimelineEntry

TITLES = {
    "answered": "Call",
    "missed": "Missed call",
    "busy": "Call to a busy line",
    "failed": "Failed call",
    "voicemail": "Voicemail",
    "ringing": "Call without an end",
}


def timeline(ctx: Context, site: Site, nodes: Sequence[int]) -> list[TimelineEntry]:
    """The calls from and to these phones, and those that are certain to come from a visit of these browsers."""
    return [_moment(row) for row in store.calls_of(ctx, site, nodes)]


def _moment(row: dict[str, object]) -> TimelineEntry:
    is_out = row["direction"] == "out"
    facts = [
        ("Line", row["line"]),
        ("Talk time", f"{row['talk_s']} s" if row["talk_s"] else ""),
        ("Operator", row["operator"]),
        ("Tag", row["tag"]),
        *([] if is_out else _source(row)),
    ]
    title = "Call to them" if is_out else TITLES[str(row["outcome"])]
    filled = tuple((label, str(value)) for label, value in facts if value)
    return TimelineEntry(at=row["at"], kind="call", title=title, facts=filled)  # type: ignore[arg-type]


def _source(row: dict[str, object]) -> list[tuple[str, object]]:
    if not row["channel"]:
        return []
    return [
        ("Channel", row["channel"]),
        ("Source", row["source"]),
        ("Campaign", row["campaign"]),
        ("Keyword", row["term"]),
        ("Certainty", f"{float(str(row['certainty'])):.0%}"),
    ]
