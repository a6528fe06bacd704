"""Files on their way in, sealed: they hold personal data; and those that could not be imported."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from sqlalchemy import delete, insert, select, update

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.crm.model.file_words import FileWords
from tandem.crm.store.common import opened_all, sealed
from tandem.crm.tables import file_words, loads
from tandem.imports.problem import Problem, sentence

SHOWN_FAILED = 5
FAILED_KEPT = timedelta(days=30)
"""Files that could not be imported: how many are shown, and for how long."""
BLOCK = 1 << 20
"""How much of a file is sealed at once."""
UNREADABLE = Problem(what=sentence("The file was encrypted with another key."), cure=sentence("Import the file again."))


class FileLoad(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was taken and is being brought in."""

    id: int
    site_id: int
    made_at: datetime


def words_of(ctx: Context, site: Site) -> FileWords:
    """What people said the words of this site's files mean."""
    with ctx.database.read() as c:
        row = c.execute(select(file_words).where(file_words.c.site_id == site.id)).first()
    return FileWords(stages=row.stages, currencies=row.currencies, revision=row.revision) if row else FileWords()


def keep_words(ctx: Context, site: Site, words: FileWords) -> None:
    """Remember what words mean, for this file and those to come."""
    values = {"stages": words.stages, "currencies": words.currencies, "revision": words.revision}
    with ctx.database.write() as c:
        c.execute(delete(file_words).where(file_words.c.site_id == site.id))
        c.execute(insert(file_words).values(site_id=site.id, **values))


def begin_load(ctx: Context, site: Site, path: Path, by: int | None) -> FileLoad:
    """Take a file: from now on it is brought in as a whole, whatever breaks meanwhile."""
    now = clock.now()
    with path.open("rb") as file:
        blocks = b"\n".join(sealed(ctx, block) for block in iter(lambda: file.read(BLOCK), b""))
    values = {"site_id": site.id, "made_at": now, "made_by": by, "sealed": blocks}
    with ctx.database.write() as c:
        made = c.execute(insert(loads).values(**values))
        number = int(made.inserted_primary_key[0])  # type: ignore[index]
    return FileLoad(id=number, site_id=site.id, made_at=now)


def loads_waiting(ctx: Context) -> list[FileLoad]:
    """Files that were taken and not finished, without those that cannot be."""
    query = select(loads.c.id, loads.c.site_id, loads.c.made_at).where(loads.c.problem == "").order_by(loads.c.id)
    with ctx.database.read() as c:
        rows = c.execute(query).all()
    return [FileLoad(id=r.id, site_id=r.site_id, made_at=r.made_at) for r in rows]


def body_of(ctx: Context, load: FileLoad) -> Iterator[bytes]:
    """The file that was taken, block by block; each was sealed by itself.

    raises   UserError when another key sealed it: it is given up, else every erasure would wait for it
    """
    with ctx.database.read() as c:
        blocks = c.execute(select(loads.c.sealed).where(loads.c.id == load.id)).scalar_one()
    for block in blocks.split(b"\n"):
        if block:
            body = next(opened_all(ctx, [block]), None)
            if body is None:
                raise UserError(UNREADABLE.what, UNREADABLE.cure)
            yield body


def end_load(ctx: Context, load: FileLoad) -> None:
    """Forget a file whose records are all in."""
    with ctx.database.write() as c:
        c.execute(delete(loads).where(loads.c.id == load.id))


class FailedLoad(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was taken and could not be imported, and why."""

    made_at: datetime
    problem: Problem


def fail_load(ctx: Context, load: FileLoad, problem: Problem) -> None:
    """Give a file up: what is wrong with it stays for people to see, its content goes."""
    text = ctx.vault.seal(msgspec.json.encode(problem).decode())
    with ctx.database.write() as c:
        c.execute(update(loads).where(loads.c.id == load.id).values(problem=text, sealed=b""))


def failed_loads(ctx: Context, site: Site) -> list[FailedLoad]:
    """Files of a site that were given up, the newest first."""
    query = (
        select(loads.c.made_at, loads.c.problem)
        .where(loads.c.site_id == site.id, loads.c.problem != "")
        .order_by(loads.c.id.desc())
        .limit(SHOWN_FAILED)
    )
    with ctx.database.read() as c:
        rows = c.execute(query).all()
    texts = [(r.made_at, ctx.vault.try_open(r.problem)) for r in rows]
    return [
        FailedLoad(made_at=at, problem=UNREADABLE if text is None else msgspec.json.decode(text, type=Problem))
        for at, text in texts
    ]


def forget_failed_loads(ctx: Context, site: Site | None = None) -> None:
    """Forget files of a site that were given up, once another one is in; of all sites, those of long ago."""
    where = loads.c.site_id == site.id if site else loads.c.made_at < clock.now() - FAILED_KEPT
    with ctx.database.write() as c:
        c.execute(delete(loads).where(loads.c.problem != "", where))
