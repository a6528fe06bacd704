"""Records as their CRM told them, sealed: they hold personal data, and another mapping can be tried on them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, insert, or_, select, tuple_

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.core.context import Context
from tandem.crm.model.deal import DealFact
from tandem.crm.model.mapping import Raw
from tandem.crm.store.deals import Ends
from tandem.crm.tables import records

AT_ONCE = 500


class ParsedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record as its CRM told it, what was read from it, and the keys of who is behind it."""

    raw: Raw
    fact: DealFact
    ends: Ends


def keep(ctx: Context, connection: int, parsed: Sequence[ParsedRecord]) -> None:
    """Keep the newest telling of each record, whatever the order in which they come."""
    newest: dict[tuple[str, str], ParsedRecord] = {}
    for one in sorted(parsed, key=lambda t: t.fact.updated_at):
        newest[one.fact.kind, one.fact.id] = one
    names = list(newest)
    for i in range(0, len(names), AT_ONCE):
        _keep(ctx, connection, {name: newest[name] for name in names[i : i + AT_ONCE]})


def _keep(ctx: Context, connection: int, newest: Mapping[tuple[str, str], ParsedRecord]) -> None:
    ours = (records.c.connection_id == connection) & tuple_(records.c.kind, records.c.ref).in_(list(newest))
    with ctx.database.write() as c:
        existing = {(r.kind, r.ref): r.updated for r in c.execute(
            select(records.c.kind, records.c.ref, records.c.updated).where(ours))}  # fmt: skip
        fresh = {n: t for n, t in newest.items() if clock.to_ms(t.fact.updated_at) >= existing.get(n, 0)}
        old = [name for name in fresh if name in existing]
        if old:
            c.execute(delete(records).where(
                records.c.connection_id == connection, tuple_(records.c.kind, records.c.ref).in_(old)))  # fmt: skip
        if fresh:
            c.execute(insert(records), [_row(ctx, connection, one) for one in fresh.values()])


def _row(ctx: Context, connection: int, parsed: ParsedRecord) -> dict[str, Any]:
    keys = {name: f"{key:016x}" for name, key in parsed.ends._asdict().items()}
    return {
        "connection_id": connection, "kind": parsed.fact.kind, "ref": parsed.fact.id,
        "updated": clock.to_ms(parsed.fact.updated_at), "sealed": ctx.vault.seal_bytes(msgspec.json.encode(parsed.raw)),
        **keys,
    }  # fmt: skip


def let_go(ctx: Context, connection: int, gone: Sequence[tuple[str, str]]) -> None:
    """Forget records that were deleted in their CRM, by kind and id."""
    with ctx.database.write() as c:
        for i in range(0, len(gone), AT_ONCE):
            part = list(gone[i : i + AT_ONCE])
            c.execute(delete(records).where(
                records.c.connection_id == connection, tuple_(records.c.kind, records.c.ref).in_(part)))  # fmt: skip


def each(ctx: Context, connection: int) -> Iterator[list[Raw]]:
    """The kept records of a connection, some hundred at a time, never none; those of another key are left out."""
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
        bodies = (ctx.vault.try_open_bytes(row.sealed) for row in rows)
        if raws := [msgspec.json.decode(body) for body in bodies if body is not None]:
            yield raws
        last = (rows[-1].kind, rows[-1].ref)


def forget(ctx: Context, site: Site, nodes: Sequence[int]) -> None:
    """Take a person's records out of the record store; what was on its way in, an erasure has had read before."""
    keys = [f"{node:016x}" for node in nodes if node]
    columns = (records.c.node, records.c.visitor, records.c.phone, records.c.email)
    with ctx.database.write() as c:
        for i in range(0, len(keys), AT_ONCE):
            c.execute(delete(records).where(or_(*(column.in_(keys[i : i + AT_ONCE]) for column in columns))))
