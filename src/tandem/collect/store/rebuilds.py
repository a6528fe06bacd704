"""How far the visits of a site were last derived again, and with what."""

from collections.abc import Collection

import msgspec
from sqlalchemy import delete, insert, select, update

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.database import Database
from tandem.collect.tables import rebuilds as t


class Rebuild(msgspec.Struct, frozen=True, kw_only=True):
    """The last rebuild of a site; `next_range` is the first of its `ranges` of visitors that is yet to be derived.

    settled_goals   the goals that all visits tell of rightly, whether they are derived already or not
    """

    made_with: str
    next_range: int
    ranges: int
    is_done: bool
    settled_goals: frozenset[int]


def rebuild_of(db: Database, site: Site) -> Rebuild | None:
    """The last rebuild of a site; None where there was none."""
    with db.read() as c:
        row = c.execute(select(t).where(t.c.site_id == site.id)).first()
    if row is None:
        return None
    return Rebuild(
        made_with=row.made_with, next_range=row.next_range, ranges=row.ranges, is_done=row.done_at is not None,
        settled_goals=frozenset(row.settled_goals),
    )  # fmt: skip


def note_rebuild(
    db: Database, site: Site, made_with: str, next_range: int, ranges: int, settled_goals: Collection[int] = ()
) -> None:
    """Note how far a rebuild is, in place of what was known of the last one."""
    values = {
        "made_with": made_with, "next_range": next_range, "ranges": ranges, "begun_at": clock.now(), "done_at": None,
        "settled_goals": sorted(settled_goals),
    }  # fmt: skip
    with db.write() as c:
        c.execute(delete(t).where(t.c.site_id == site.id))
        c.execute(insert(t).values(site_id=site.id, **values))


def note_rebuild_done(db: Database, site: Site, made_with: str, settled_goals: Collection[int] = ()) -> None:
    """Note that no range is left."""
    values = {"done_at": clock.now(), "made_with": made_with, "settled_goals": sorted(settled_goals)}
    with db.write() as c:
        c.execute(update(t).where(t.c.site_id == site.id).values(**values))


def note_settled(db: Database, site: Site, goals: Collection[int]) -> None:
    """Note the goals that visits are done with, where an older version has not."""
    last = rebuild_of(db, site)
    if last is None or not last.is_done or last.settled_goals == frozenset(goals):
        return
    is_same = (t.c.site_id == site.id, t.c.made_with == last.made_with, t.c.done_at.is_not(None))
    with db.write() as c:
        c.execute(update(t).where(*is_same).values(settled_goals=sorted(goals)))
