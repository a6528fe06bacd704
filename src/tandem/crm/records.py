"""In the record store: mappings that a person made, records as their CRM told them, and files on their way in.

Records and files hold personal data, so they lie sealed. They are kept so that another mapping can be tried on them.
"""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, or_, select, tuple_, update

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.base import clock
from tandem.connections.model import Connection
from tandem.core.context import Context
from tandem.crm.model.deal import DealFact
from tandem.crm.model.mapping import Raw
from tandem.crm.store import Ends
from tandem.crm.tables import loads, mappings, records
from tandem.imports.problem import Problem

AT_ONCE = 500
SHOWN_FAILED = 5
FAILED_KEPT = timedelta(days=30)
"""Files that could not be imported: how many are shown, and for how long."""
BLOCK = 1 << 20
"""How much of a file is sealed at once."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chose for a connection: fields as ours -> theirs, stages as key -> meaning, names of stages."""

    fields: dict[str, tuple[str, ...]] = {}
    stages: dict[str, str] = {}
    names: dict[str, str] = {}
    revision: int = 0
    applied: int = 0
    made_at: datetime | None = None


def chosen_for(ctx: Context, connection: int) -> Chosen:
    """The mapping that a person made for a connection; an empty one when nobody did."""
    with ctx.database.read() as c:
        row = c.execute(select(mappings).where(mappings.c.connection_id == connection)).first()
    if row is None:
        return Chosen()
    row_mapping = row._mapping
    fields = {ours: tuple(theirs) for ours, theirs in row_mapping["fields"].items()}
    return Chosen(fields=fields, **{n: row_mapping[n] for n in ("stages", "names", "revision", "applied", "made_at")})


def choose(ctx: Context, site: Site, connection: Connection, chosen: Chosen, by: int | None) -> Chosen:
    """Keep a mapping as the next revision; it is yet to be applied."""
    before = chosen_for(ctx, connection.id)
    values: dict[str, Any] = {
        "fields": {ours: list(theirs) for ours, theirs in chosen.fields.items()}, "stages": chosen.stages,
        "names": chosen.names, "revision": before.revision + 1, "made_at": clock.now(), "made_by": by,
    }  # fmt: skip
    with ctx.database.write() as c:
        if before.revision:
            c.execute(update(mappings).where(mappings.c.connection_id == connection.id).values(**values))
        else:
            c.execute(insert(mappings).values(connection_id=connection.id, applied=0, **values))
        note(
            c,
            site.workspace_id,
            by,
            "deals.mapped",
            f"crm/{connection.system}",
            name=connection.name,
            revision=values["revision"],
        )
    return chosen_for(ctx, connection.id)


def mark_applied(ctx: Context, connection: int, revision: int) -> None:
    """Note that every kept record was read by this revision."""
    with ctx.database.write() as c:
        c.execute(update(mappings).where(mappings.c.connection_id == connection).values(applied=revision))


def to_apply(ctx: Context) -> list[int]:
    """Connections whose newest mapping is yet to be applied."""
    query = select(mappings.c.connection_id).where(mappings.c.applied < mappings.c.revision)
    with ctx.database.read() as c:
        return [int(row[0]) for row in c.execute(query)]


def names_of(ctx: Context, connections: Sequence[int]) -> dict[str, str]:
    """What people call stages, by their key."""
    found: dict[str, str] = {}
    for number in connections:
        found |= chosen_for(ctx, number).names
    return found


# ── records as they came ──


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A record as its CRM told it, what was read from it, and the keys of who is behind it."""

    raw: Raw
    fact: DealFact
    ends: Ends


def keep(ctx: Context, connection: int, told: Sequence[Told]) -> None:
    """Keep the newest telling of each record, whatever the order in which they come."""
    newest: dict[tuple[str, str], Told] = {}
    for one in sorted(told, key=lambda t: t.fact.updated_at):
        newest[one.fact.kind, one.fact.id] = one
    names = list(newest)
    for i in range(0, len(names), AT_ONCE):
        _keep(ctx, connection, {name: newest[name] for name in names[i : i + AT_ONCE]})


def _keep(ctx: Context, connection: int, newest: Mapping[tuple[str, str], Told]) -> None:
    ours = (records.c.connection_id == connection) & tuple_(records.c.kind, records.c.ref).in_(list(newest))
    with ctx.database.write() as c:
        held = {(r.kind, r.ref): r.updated for r in c.execute(
            select(records.c.kind, records.c.ref, records.c.updated).where(ours))}  # fmt: skip
        fresh = {n: t for n, t in newest.items() if clock.to_ms(t.fact.updated_at) >= held.get(n, 0)}
        old = [name for name in fresh if name in held]
        if old:
            c.execute(delete(records).where(
                records.c.connection_id == connection, tuple_(records.c.kind, records.c.ref).in_(old)))  # fmt: skip
        if fresh:
            c.execute(insert(records), [_row(ctx, connection, one) for one in fresh.values()])


def _row(ctx: Context, connection: int, told: Told) -> dict[str, Any]:
    keys = {name: f"{key:016x}" for name, key in told.ends._asdict().items()}
    return {
        "connection_id": connection, "kind": told.fact.kind, "ref": told.fact.id,
        "updated": clock.to_ms(told.fact.updated_at), "sealed": _sealed(ctx, msgspec.json.encode(told.raw)), **keys,
    }  # fmt: skip


def let_go(ctx: Context, connection: int, gone: Sequence[tuple[str, str]]) -> None:
    """Forget records that were deleted in their CRM, by kind and id."""
    with ctx.database.write() as c:
        for i in range(0, len(gone), AT_ONCE):
            part = list(gone[i : i + AT_ONCE])
            c.execute(delete(records).where(
                records.c.connection_id == connection, tuple_(records.c.kind, records.c.ref).in_(part)))  # fmt: skip


def count(ctx: Context, connection: int) -> int:
    """How many records of a connection are kept as they came."""
    with ctx.database.read() as c:
        return int(c.execute(select(func.count()).where(records.c.connection_id == connection)).scalar_one())


def each(ctx: Context, connection: int) -> Iterator[list[Raw]]:
    """The kept records of a connection, some hundred at a time."""
    last = ("", "")
    while True:
        query = (
            select(records.c.kind, records.c.ref, records.c.sealed)
            .where(records.c.connection_id == connection, tuple_(records.c.kind, records.c.ref) > tuple_(*last))
            .order_by(records.c.kind, records.c.ref)
            .limit(AT_ONCE)
        )
        with ctx.database.read() as c:
            rows = c.execute(query).all()
        if not rows:
            return
        yield [msgspec.json.decode(_opened(ctx, row.sealed)) for row in rows]
        last = (rows[-1].kind, rows[-1].ref)


def forget(ctx: Context, site: Site, nodes: Sequence[int]) -> None:
    """Take a person's records out of the record store; files on their way in were read within minutes."""
    keys = [f"{node:016x}" for node in nodes if node]
    columns = (records.c.node, records.c.visitor, records.c.phone, records.c.email)
    with ctx.database.write() as c:
        for i in range(0, len(keys), AT_ONCE):
            c.execute(delete(records).where(or_(*(column.in_(keys[i : i + AT_ONCE]) for column in columns))))


# ── files on their way in ──


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was taken and is being brought in."""

    id: int
    site_id: int
    made_at: datetime


def begin_load(ctx: Context, site: Site, path: Path, by: int | None) -> Load:
    """Take a file: from now on it is brought in as a whole, whatever breaks meanwhile."""
    now = clock.now()
    with path.open("rb") as file:
        sealed = b"\n".join(_sealed(ctx, block) for block in iter(lambda: file.read(BLOCK), b""))
    values = {"site_id": site.id, "made_at": now, "made_by": by, "sealed": sealed}
    with ctx.database.write() as c:
        made = c.execute(insert(loads).values(**values))
        number = int(made.inserted_primary_key[0])  # type: ignore[index]
    return Load(id=number, site_id=site.id, made_at=now)


def loads_waiting(ctx: Context) -> list[Load]:
    """Files that were taken and not finished, without those that cannot be."""
    query = select(loads.c.id, loads.c.site_id, loads.c.made_at).where(loads.c.problem == "").order_by(loads.c.id)
    with ctx.database.read() as c:
        rows = c.execute(query).all()
    return [Load(id=r.id, site_id=r.site_id, made_at=r.made_at) for r in rows]


def body_of(ctx: Context, load: Load) -> Iterator[bytes]:
    """The file that was taken, block by block; each was sealed by itself."""
    with ctx.database.read() as c:
        sealed = c.execute(select(loads.c.sealed).where(loads.c.id == load.id)).scalar_one()
    for block in sealed.split(b"\n"):
        if block:
            yield _opened(ctx, block)


def end_load(ctx: Context, load: Load) -> None:
    """Forget a file whose records are all in."""
    with ctx.database.write() as c:
        c.execute(delete(loads).where(loads.c.id == load.id))


class FailedLoad(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was taken and could not be imported, and why."""

    made_at: datetime
    problem: Problem


def fail_load(ctx: Context, load: Load, problem: Problem) -> None:
    """Give a file up: what is wrong with it stays for people to see, its content goes."""
    sealed = ctx.vault.seal(msgspec.json.encode(problem).decode())
    with ctx.database.write() as c:
        c.execute(update(loads).where(loads.c.id == load.id).values(problem=sealed, sealed=b""))


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
    return [
        FailedLoad(made_at=r.made_at, problem=msgspec.json.decode(ctx.vault.open(r.problem), type=Problem))
        for r in rows
    ]


def forget_failed_loads(ctx: Context, site: Site | None = None) -> None:
    """Forget files of a site that were given up, once another one is in; of all sites, those of long ago."""
    where = loads.c.site_id == site.id if site else loads.c.made_at < clock.now() - FAILED_KEPT
    with ctx.database.write() as c:
        c.execute(delete(loads).where(loads.c.problem != "", where))


def _sealed(ctx: Context, told: bytes) -> bytes:
    return ctx.vault.seal(b64encode(zlib.compress(told)).decode()).encode()


def _opened(ctx: Context, sealed: bytes) -> bytes:
    return zlib.decompress(b64decode(ctx.vault.open(sealed.decode())))
