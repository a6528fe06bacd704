"""What one person did on the site, for their profile: visits and the goals reached."""

from collections.abc import Sequence

from tandem.accounts.model import Site
from tandem.collect import store
from tandem.core.context import Context
from tandem.core.slice import TimelineEntry


def timeline(ctx: Context, site: Site, nodes: Sequence[int]) -> list[TimelineEntry]:
    """The visits and goals of these browsers; other identifiers among the nodes have none."""
    names = {goal.id: goal.name for goal in store.goals_of(ctx.database, site)}
    visits = [_visit(v) for v in store.visits_of(ctx.warehouse, site, nodes)]
    goals = [
        TimelineEntry(
            at=g.at,
            kind="goal",
            title="Goal reached",
            facts=(("Goal", names.get(g.goal, str(g.goal))), ("Page", g.page)),
        )
        for g in store.goals_reached(ctx.warehouse, site, nodes)
    ]
    return visits + goals


def _visit(v: store.VisitOf) -> TimelineEntry:
    facts = [
        ("Channel", v.channel),
        ("Source", v.source),
        ("Campaign", v.campaign),
        ("Keyword", v.term),
        ("Entry page", v.entry),
        ("Exit page", v.exit if v.exit != v.entry else ""),
        ("Page views", str(v.pageviews)),
    ]
    return TimelineEntry(
        at=v.at, kind="visit", title="Visit", facts=tuple((label, value) for label, value in facts if value)
    )
