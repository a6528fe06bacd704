"""Goals of a site."""

import time
from collections.abc import Callable
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.accounts.tables import sites
from tandem.base import clock
from tandem.base.database import Database, wait_for_turn
from tandem.base.errors import UserError
from tandem.base.paths import normal_path
from tandem.base.warehouse import Warehouse
from tandem.collect import tables as t
from tandem.collect.model.goal import Goal, checked_match, main_by_orders
from tandem.collect.store.common import SQL


def goals_of(db: Database, site: Site) -> list[Goal]:
    query = select(t.goals).where(t.goals.c.site_id == site.id, t.goals.c.is_active).order_by(t.goals.c.id)
    with db.read() as c:
        return [
            Goal(id=r.id, site_id=r.site_id, name=r.name, kind=r.kind, match=_match(r.kind, r.match), is_main=r.is_main)
            for r in c.execute(query)
        ]


def _match(kind: str, match: str) -> str:
    """What meets a goal; earlier versions kept paths as they were typed."""
    return normal_path(match) if kind == "page" else match


_MAIN_GOALS: WeakKeyDictionary[Database, dict[int, tuple[float, tuple[int, ...]]]] = WeakKeyDictionary()
MAIN_GOALS_FRESH_S = 0.25
"""A page asks for them a dozen times. Whoever changes goals in this process sees it at once, others that much later."""


def main_goals(db: Database, site_id: int) -> tuple[int, ...]:
    """The ids of the goals that this site's conversions rest on."""
    by_site = _MAIN_GOALS.setdefault(db, {})
    read_at, goals = by_site.get(site_id, (0.0, ()))
    if time.monotonic() - read_at > MAIN_GOALS_FRESH_S:
        read_at = time.monotonic()  # before reading: what changes meanwhile is read again in time
        with db.read() as c:
            goals = _main_goals(c, site_id)
        by_site[site_id] = read_at, goals
    return goals


def _main_goals(c: Connection, site_id: int) -> tuple[int, ...]:
    g = t.goals.c
    query = select(g.id).where(g.site_id == site_id, g.is_active, g.is_main).order_by(g.id)
    return tuple(c.execute(query).scalars())


NEEDS_MAIN = UserError("Conversions need a main goal.", "Make another goal main first.")


def choose_main(
    db: Database, site: Site, goal_id: int, is_main: bool, by: int | None = None, alone: bool = False
) -> None:
    """Let conversions rest on this goal, or make it a step. History needs no counting anew.

    alone    on this goal only: the others become steps

    raises   UserError for the only main goal: conversions need one; and for a goal that is not there
    """
    g = t.goals.c
    with db.write() as c:
        wait_for_turn(c, sites, site.id)
        main = _main_goals(c, site.id)
        if not is_main and main == (goal_id,):
            raise NEEDS_MAIN
        done = c.execute(
            update(t.goals).where(g.id == goal_id, g.site_id == site.id, g.is_active).values(is_main=is_main)
        )
        if not done.rowcount:
            raise UserError("There is no such goal.", "Reload the page.", status=404)
        if is_main and alone:
            c.execute(update(t.goals).where(g.site_id == site.id, g.id != goal_id).values(is_main=False))
        was_main = goal_id in main
        if was_main != is_main:
            note(c, site.workspace_id, by, "goals.changed", str(goal_id), is_main={"from": was_main, "to": is_main})
    _MAIN_GOALS.pop(db, None)


def choose_main_by_orders(warehouse: Warehouse, db: Database, site: Site) -> Goal | None:
    """Make the goal main that orders reach, on a site where nobody has chosen one; None where there is none."""
    goals = goals_of(db, site)
    if not goals or any(g.is_main for g in goals):
        return None
    orders = dict(warehouse.ask(SQL["goals_with_orders"], {"site": site.id}).rows)
    if goal := main_by_orders(goals, orders):
        choose_main(db, site, goal.id, True)
    return goal


def has_event(warehouse: Warehouse, site: Site, name: str) -> bool:
    """Whether the site has sent an event of this name; forms, files and links to other sites are events too."""
    return bool(warehouse.value(SQL["has_event"], site=site.id, name=name))


def add_goal(
    db: Database,
    site: Site,
    name: str,
    kind: str,
    match: str,
    by: int | None = None,
    is_event: Callable[[str], bool] = lambda _: False,
) -> Goal:
    """A new goal; a site's first is its main one. History is counted for it by deriving the visits again.

    is_event  whether the site has sent an event of this name, for names that look like a page
    raises    UserError when the name is taken or a field does not fit
    """
    match = checked_match(name, kind, match, site.names, is_event)
    try:
        with db.write() as c:
            wait_for_turn(c, sites, site.id)
            active = select(t.goals.c.id).where(t.goals.c.site_id == site.id, t.goals.c.is_active)
            is_first = c.execute(active).first() is None
            c.execute(
                insert(t.goals).values(
                    site_id=site.id,
                    name=name.strip(),
                    kind=kind,
                    match=match,
                    is_active=True,
                    is_main=is_first,
                    made_at=clock.now(),
                )
            )
            note(c, site.workspace_id, by, "goals.added", name, kind=kind, match=match)
    except IntegrityError as error:
        raise UserError("There is already a goal called “%(name)s”.", "Choose another name.", name=name).at(
            "name"
        ) from error
    _MAIN_GOALS.pop(db, None)
    return next(g for g in goals_of(db, site) if g.name == name.strip())


def retire_goal(db: Database, site: Site, goal_id: int, by: int | None = None) -> None:
    """Stop counting a goal. Its name becomes free again.

    raises   UserError for the only main goal, where there are others that conversions could rest on
    """
    with db.write() as c:
        wait_for_turn(c, sites, site.id)
        others = select(t.goals.c.id).where(t.goals.c.site_id == site.id, t.goals.c.is_active, t.goals.c.id != goal_id)
        if _main_goals(c, site.id) == (goal_id,) and c.execute(others).first() is not None:
            raise NEEDS_MAIN
        retired = c.execute(
            update(t.goals)
            .where(t.goals.c.id == goal_id, t.goals.c.site_id == site.id, t.goals.c.is_active)
            .values(is_active=False, name=t.goals.c.name + _mark(goal_id))
        )
        if retired.rowcount:
            note(c, site.workspace_id, by, "goals.retired", str(goal_id))
    _MAIN_GOALS.pop(db, None)


def _mark(goal_id: int) -> str:
    """What follows the name of an archived goal, so that another can be called like it."""
    return f" (retired {goal_id})"


def archived_goals(db: Database, site: Site) -> list[Goal]:
    """The goals that no longer count, by their names; the newest first."""
    g = t.goals.c
    query = select(t.goals).where(g.site_id == site.id, g.is_active.is_(False)).order_by(g.id.desc())
    with db.read() as c:
        return [
            Goal(
                id=r.id, site_id=r.site_id, name=r.name.removesuffix(_mark(r.id)), kind=r.kind,
                match=_match(r.kind, r.match), is_main=r.is_main,
            )
            for r in c.execute(query)
        ]  # fmt: skip


def restore_goal(db: Database, site: Site, goal_id: int, by: int | None = None) -> None:
    """Count an archived goal again, as what it was: history is counted for it by deriving the visits again.

    raises   UserError when another goal has its name by now, and (404) for a goal that is not archived
    """
    goal = next((one for one in archived_goals(db, site) if one.id == goal_id), None)
    if goal is None:
        raise UserError("There is no such goal.", "Reload the page.", status=404)
    try:
        with db.write() as c:
            wait_for_turn(c, sites, site.id)
            mine = (t.goals.c.id == goal_id, t.goals.c.is_active.is_(False))
            c.execute(update(t.goals).where(*mine).values(is_active=True, name=goal.name))
            note(c, site.workspace_id, by, "goals.restored", str(goal_id))
    except IntegrityError as error:
        raise UserError(
            "There is already a goal called “%(name)s”.", "Archive that goal first.", name=goal.name
        ) from error
    _MAIN_GOALS.pop(db, None)
