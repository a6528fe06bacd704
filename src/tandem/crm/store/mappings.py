"""Mappings that people made for their connections."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import insert, select, update

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.base import clock
from tandem.connections.model import Connection
from tandem.core.context import Context
from tandem.crm.tables import mappings


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
    names: dict[str, str] = {}
    for number in connections:
        names |= chosen_for(ctx, number).names
    return names
