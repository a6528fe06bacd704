"""What people decided about who is who."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import numpy as np
from sqlalchemy import insert, select, update

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.base import clock
from tandem.base.database import WATCHED_S
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.people.store.common import hexed
from tandem.people.store.persons import conclude, in_turn, nodes_of, person_of
from tandem.people.store.profiles import evidence_of
from tandem.people.tables import decisions as decided

ACTS = ("together", "apart", "glue", "shared")


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody decided: two identifiers are one person (together) or not (apart), or one is (not) to glue."""

    id: int
    act: str
    a: int
    a_kind: str
    b: int
    b_kind: str
    made_by: int | None
    made_at: datetime
    undone_at: datetime | None


def decide(
    ctx: Context, site: Site, act: str, a: tuple[int, str], b: tuple[int, str] = (0, ""), by: int | None = None
) -> None:
    """Note what somebody decided about identifiers, and conclude again at once.

    raises   UserError for an act that does not exist
    """
    _decide(ctx, site, act, a, [b], by)


@in_turn(WATCHED_S)
def _decide(
    ctx: Context, site: Site, act: str, a: tuple[int, str], others: Sequence[tuple[int, str]], by: int | None
) -> None:
    if act not in ACTS:
        raise UserError("There is no such decision.", "Reload the page.")
    with ctx.database.write() as c:
        for b in others:
            c.execute(insert(decided).values(
                site_id=site.id, act=act, a=hexed(a[0]), a_kind=a[1], b=hexed(b[0]), b_kind=b[1], made_by=by,
                made_at=clock.now(),
            ))  # fmt: skip
            note(c, site.workspace_id, by, f"profiles.{act}", hexed(a[0]), other=hexed(b[0]) if b[1] else "")
    conclude(ctx, site, np.array([n for n, kind in (a, *others) if kind], np.uint64))


@in_turn(WATCHED_S)
def take_off(ctx: Context, site: Site, node: tuple[int, str], by: int | None = None) -> int:
    """Say that an identifier is not this person's: every link between it and their other identifiers is disbelieved.

    returns  how many links that were
    """
    mine = {n for n, _ in nodes_of(ctx, site, person_of(ctx, site, node[0]))} - {node[0]}
    ends = {((e.b, e.b_kind) if e.a == node[0] else (e.a, e.a_kind)) for e in evidence_of(ctx, site, [node[0]])}
    others = sorted(end for end in ends if end[0] in mine)
    for made in decisions_of(ctx, site, [node[0]]):
        if made.act == "together" and made.undone_at is None:
            undo(ctx, site, made.id, by)
    if others:
        _decide(ctx, site, "apart", node, others, by)
    return len(others)


@in_turn(WATCHED_S)
def undo(ctx: Context, site: Site, number: int, by: int | None = None) -> None:
    """Take a decision back; what the evidence says holds again.

    raises   UserError (404) when there is no such decision
    """
    with ctx.database.write() as c:
        where = (decided.c.id == number, decided.c.site_id == site.id, decided.c.undone_at.is_(None))
        row = c.execute(select(decided).where(*where)).first()
        if row is None:
            raise UserError("There is no such decision.", "Reload the page.", status=404)
        c.execute(update(decided).where(*where).values(undone_at=clock.now(), undone_by=by))
        note(c, site.workspace_id, by, f"profiles.{row.act}_undone", row.a)
    ends = [int(row.a, 16)] + ([int(row.b, 16)] if row.b_kind else [])
    conclude(ctx, site, np.array(ends, np.uint64))


def decisions_of(ctx: Context, site: Site, nodes: Sequence[int]) -> list[Decision]:
    """What was decided about these identifiers, undone decisions too, the newest first."""
    keys = [hexed(node) for node in nodes][:500]
    query = (
        select(decided)
        .where(decided.c.site_id == site.id, decided.c.a.in_(keys) | decided.c.b.in_(keys))
        .order_by(decided.c.id.desc())
    )
    with ctx.database.read() as c:
        return [
            Decision(
                id=r.id, act=r.act, a=int(r.a, 16), a_kind=r.a_kind, b=int(r.b, 16), b_kind=r.b_kind,
                made_by=r.made_by, made_at=r.made_at, undone_at=r.undone_at,
            )
            for r in c.execute(query)
        ]  # fmt: skip
