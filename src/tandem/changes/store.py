"""Reads and writes of the change log."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from tandem.accounts.model import Site
from tandem.accounts.store import note, tokens_of
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.changes.model import Change, ChangeFilter, Effect, checked
from tandem.changes.tables import changes as t
from tandem.changes.tables import effects as e

MOST = 500
"""Of a list; pages say when there are more."""
SEARCHED = 20_000
"""So many of the newest changes are looked through for words."""
MOST_VALUES = 100
"""Of a field that are offered as filters."""
KEPT_REMOVED = timedelta(days=30)
"""So long a change that was removed can be put back."""
IN_LOG = t.c.removed_at.is_(None)
FIELDS = ("at", "kind", "scope", "author", "title", "note", "url", "source", "external_id")


def add(db: Database, site: Site, change: Change, by: int | None = None) -> Change:
    """The change as it is kept. One that came before (same source and outer id) is given back, not kept twice.

    One that was removed and comes again is in the log again.

    raises   UserError when a field does not fit
    """
    change = checked(change)
    values = {name: getattr(change, name) for name in FIELDS}
    try:
        with db.write() as c:
            made = c.execute(insert(t).values(site_id=site.id, made_at=clock.now(), **values))
            note(c, site.workspace_id, by, "changes.added", change.title, kind=change.kind, source=change.source)
            return msgspec.structs.replace(change, id=int(made.inserted_primary_key[0]))  # type: ignore[index]
    except IntegrityError:
        same = (t.c.site_id == site.id, t.c.source == change.source, t.c.external_id == change.external_id)
        with db.write() as c:
            c.execute(update(t).where(*same).values(removed_at=None))
            row = c.execute(select(t).where(*same)).one()
        return _change(row)


def _change(row: Row[Any]) -> Change:
    return Change(id=row.id, **{name: row._mapping[name] for name in FIELDS})


def between(db: Database, site: Site, since: datetime, until: datetime, most: int = MOST) -> list[Change]:
    """The changes of [since, until), newest first."""
    query = (
        select(t)
        .where(t.c.site_id == site.id, IN_LOG, t.c.at >= since, t.c.at < until)
        .order_by(t.c.at.desc(), t.c.id.desc())
        .limit(most)
    )
    with db.read() as c:
        return [_change(row) for row in c.execute(query)]


def matching(db: Database, site: Site, wanted: ChangeFilter, now: datetime, most: int | None = None) -> list[Change]:
    """The changes that somebody asks for, newest first; of words, the newest `SEARCHED` are looked through."""
    since, until = wanted.span(site.tz, now)
    query = select(t).where(t.c.site_id == site.id, IN_LOG, t.c.at >= since, t.c.at < until)
    for column, values in ((t.c.kind, wanted.kinds), (t.c.source, wanted.sources), (t.c.author, wanted.authors)):
        query = query.where(column.in_(values)) if values else query
    most = MOST if most is None else most
    query = query.order_by(t.c.at.desc(), t.c.id.desc()).limit(SEARCHED if wanted.needs_reading else most)
    with db.read() as c:
        return list(islice(filter(wanted.has, map(_change, c.execute(query))), most))


def values_of(db: Database, site: Site) -> dict[str, list[str]]:
    """What the changes of a log can be filtered by: its kinds, sources and authors, the commonest first."""
    columns = {"kinds": t.c.kind, "sources": t.c.source, "authors": t.c.author}
    with db.read() as c:
        return {
            name: [
                value
                for (value,) in c.execute(
                    select(column)
                    .where(t.c.site_id == site.id, IN_LOG, column != "")
                    .group_by(column)
                    .order_by(func.count().desc(), column)
                    .limit(MOST_VALUES)
                )
            ]
            for name, column in columns.items()
        }


def titled(db: Database, site: Site, words: str, most: int) -> list[Change]:
    """The newest changes with these words in their title, in any letter case of any script.

    Looked through here: SQLite knows the cases of Latin letters alone.
    """
    wanted = words.casefold()
    query = select(t).where(t.c.site_id == site.id, IN_LOG).order_by(t.c.at.desc(), t.c.id.desc())
    with db.read() as c:
        rows = (r for r in c.execute(query.limit(SEARCHED)) if wanted in r.title.casefold())
        return [_change(row) for row in islice(rows, most)]


def is_kept(db: Database, site: Site) -> bool:
    """Whether anybody keeps the change log of a site: something stands in it, or a program has a token to write it."""
    with db.read() as c:
        if c.execute(select(t.c.id).where(t.c.site_id == site.id, IN_LOG).limit(1)).first() is not None:
            return True
    now = clock.now()
    return any(
        "changes:write" in token.scopes and token.is_valid(now) and token.site_id in (None, site.id)
        for token in tokens_of(db, site.workspace_id)
    )


def remove(db: Database, site: Site, change_id: int, by: int | None = None) -> None:
    """Take an entry out of the log; until it is forgotten, `restore` puts it back.

    raises   UserError (404) when the site's log has no such change
    """
    now = clock.now()
    with db.write() as c:
        title = _switch(c, site, change_id, IN_LOG, now)
        note(c, site.workspace_id, by, "changes.removed", title)
        old = select(t.c.id).where(t.c.site_id == site.id, t.c.removed_at < now - KEPT_REMOVED)
        c.execute(delete(e).where(e.c.change_id.in_(old)))
        c.execute(delete(t).where(t.c.id.in_(old)))


def restore(db: Database, site: Site, change_id: int, by: int | None = None) -> None:
    """Put a removed entry back, with all that it was measured to have done.

    raises   UserError (404) when there is none: it was forgotten, or is in the log
    """
    with db.write() as c:
        title = _switch(c, site, change_id, t.c.removed_at.is_not(None), None)
        note(c, site.workspace_id, by, "changes.restored", title)


def _switch(c: Connection, site: Site, change_id: int, state: ColumnElement[bool], to: datetime | None) -> str:
    """Take a change out of the log, or put it back; returns its title."""
    mine = (t.c.id == change_id, t.c.site_id == site.id, state)
    row = c.execute(select(t.c.title).where(*mine)).first()
    if row is None or not c.execute(update(t).where(*mine).values(removed_at=to)).rowcount:
        raise UserError("There is no such change.", "It may have been removed from the log.", status=404)
    return str(row.title)


def removed(db: Database, site: Site) -> list[tuple[Change, datetime]]:
    """What can be put back, with the moment it was removed; the newest first."""
    query = (
        select(t)
        .where(t.c.site_id == site.id, t.c.removed_at >= clock.now() - KEPT_REMOVED)
        .order_by(t.c.removed_at.desc(), t.c.id.desc())
        .limit(MOST)
    )
    with db.read() as c:
        return [(_change(row), row.removed_at) for row in c.execute(query)]


def keep_effect(db: Database, site: Site, effect: Effect) -> None:
    """Keep what a change of this site was measured to have done, in place of what the same method said before.

    raises   UserError (404) when the site's log has no such change
    """
    mine = (e.c.change_id == effect.change_id, e.c.metric == effect.metric, e.c.method == effect.method)
    with db.write() as c:
        if c.execute(select(t.c.id).where(t.c.id == effect.change_id, t.c.site_id == site.id, IN_LOG)).first() is None:
            raise UserError("There is no such change.", "It may have been removed from the log.", status=404)
        c.execute(delete(e).where(*mine))
        c.execute(insert(e).values(measured_at=clock.now(), **msgspec.structs.asdict(effect)))


def effects_of(db: Database, changes: Collection[Change]) -> dict[int, list[Effect]]:
    """What those of these changes that are in the log were measured to have done, by change."""
    if not changes:
        return {}
    by_change = defaultdict[int, list[Effect]](list)
    first, last = min(change.id for change in changes), max(change.id for change in changes)
    query = (
        select(e)
        .join(t, t.c.id == e.c.change_id)
        .where(e.c.change_id.between(first, last), IN_LOG)
        .order_by(e.c.change_id, e.c.metric, e.c.method)
    )
    with db.read() as c:
        for row in c.execute(query).mappings():
            by_change[row["change_id"]].append(Effect(**{name: row[name] for name in Effect.__struct_fields__}))
    return {change.id: by_change[change.id] for change in changes if change.id in by_change}
