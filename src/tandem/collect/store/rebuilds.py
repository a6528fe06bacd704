"""How far the visits of a site were last derived again, and with what."""

import msgspec
from sqlalchemy import delete, insert, select, update

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.database import Database
from tandem.collect.tables import rebuilds as t


class Rebuild(msgspec.Struct, frozen=True, kw_only=True):
    """The last rebuild of a site; `next_range` is the first of its `ranges` of visitors that is yet to be derived."""

    made_with: str
    next_range: int
    ranges: int
    is_done: bool


def rebuild_of(db: Database, site: Site) -> Rebuild | None:
    """The last rebuild of a site; None where there was none."""
    with db.read() as c:
        row = c.execute(select(t).where(t.c.site_id == site.id)).first()
    if row is None:
        return None
    return Rebuild(
        made_with=row.made_with, next_range=row.next_range, ranges=row.ranges, is_done=row.done_at is not None
    )


def note_rebuild(db: Database, site: Site, made_with: str, next_range: int, ranges: int) -> None:
    """Note how far a rebuild is, in place of what was known of the last one."""
    now = clock.now()
    values = {"made_with": made_with, "next_range": next_range, "ranges": ranges, "begun_at": now, "done_at": None}
    with db.write() as c:
        c.execute(delete(t).where(t.c.site_id == site.id))
        c.execute(insert(t).values(site_id=site.id, **values))


def note_rebuild_done(db: Database, site: Site, made_with: str) -> None:
    """Note that no range is left."""
    with db.write() as c:
        c.execute(update(t).where(t.c.site_id == site.id).values(done_at=clock.now(), made_with=made_with))
