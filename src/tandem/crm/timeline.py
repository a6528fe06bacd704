"""What became of one person's leads and deals, for their profile."""

from collections.abc import Sequence

from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.core.slice import TimelineEntry
from tandem.crm import store

TITLES = {
    ("lead", "new"): "Lead created",
    ("lead", "lost"): "Lead lost",
    ("lead", ""): "Lead moved",
    ("deal", "new"): "Deal created",
    ("deal", "won"): "Deal won",
    ("deal", "lost"): "Deal lost",
    ("deal", ""): "Deal moved",
}


def timeline(ctx: Context, site: Site, nodes: Sequence[int]) -> list[TimelineEntry]:
    """Each change of stage of the records that name one of these identifiers."""
    entries = []
    for step in store.asked(ctx, "timeline", site, nodes=list(nodes)):
        amount = "" if step["amount"] is None else f"{step['amount']:.2f} {site.currency}"
        facts = (
            ("Record", f"{step['system']} {step['ref']}"), ("Stage", step["stage"]), ("Stage before", step["was"]),
            ("Amount", amount), ("Channel", step["channel"]), ("Source", step["source"]),
            ("Responsible", step["responsible"]),
        )  # fmt: skip
        entries.append(
            TimelineEntry(
                at=step["at"],
                kind="deal",
                title=_title(step["kind"], step["stage_kind"], step["was"]),
                facts=tuple((label, value) for label, value in facts if value),
            )
        )
    return entries


def _title(kind: str, meaning: str, was: str) -> str:
    if meaning in ("won", "lost") and (kind, meaning) in TITLES:
        return TITLES[kind, meaning]
    return TITLES[kind, "" if was else "new"]
