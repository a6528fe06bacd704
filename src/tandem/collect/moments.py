"""What one person did on the site, for their profile: visits and the goals reached."""

from collections.abc import Sequence

from tandem.accounts.model import Site
from tandem.collect import store
from tandem.core.context import House
from tandem.core.slice import Moment


def moments(house: House, site: Site, nodes: Sequence[int]) -> list[Moment]:
    """The visits and goals of these browsers; other identifiers among the nodes have none."""
    names = {goal.id: goal.name for goal in store.goals_of(house.database, site)}
    visits = [_visit(v) for v in store.visits_of(house.warehouse, site, nodes)]
    goals = [
        Moment(
            at=g.at,
            kind="goal",
            title="Goal reached",
            facts=(("Goal", names.get(g.goal, str(g.goal))), ("Page", g.page)),
        )
        for g in store.goals_reached(house.warehouse, site, nodes)
    ]
    return visits + goals


def _visit(v: store.VisitOf) -> Moment:
    facts = [
        ("Channel", v.channel),
        ("Source", v.source),
        ("Campaign", v.campaign),
        ("Keyword", v.term),
        ("Entry page", v.entry),
        ("Exit page", v.exit if v.exit != v.entry else ""),
        ("Page views", str(v.pageviews)),
    ]
    return Moment(at=v.at, kind="visit", title="Visit", facts=tuple((label, value) for label, value in facts if value))
