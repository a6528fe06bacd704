"""Numbers lent to visits."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection as Transaction
from sqlalchemy import case, delete, func, insert, select, update

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.paths import normal_path
from tandem.calls.store.common import hash_of
from tandem.calls.store.pools import Pool, pool_of_row
from tandem.calls.tables import leases, numbers, pools
from tandem.core.context import Context
from tandem.core.slice import NumberAsked, NumberLent
from tandem.people import store as people

VISIT_MS = 30 * 60 * 1000
SILENT_MS = 60 * 60 * 1000
SENDERS_SHARE = 4
"""One sender may hold a quarter of a pool's numbers at a time, and three of a small one: an office, not a stranger who
invents browsers. Further visits of theirs see the overflow number."""
SENDERS_LEAST = 3
SENDERS_LEASES = 100
"""Visits of one sender that are remembered at a time; whoever sends more is answered without being remembered."""


def lend(ctx: Context, asked: NumberAsked) -> NumberLent | None:
    """Which number this visit is shown in place of the site's own; None where its own stays.

    A visit keeps its number as long as it shows activity. A new visit takes the least recently used one of its pool;
    when even that one was in use within the pool's hold, the overflow number, or none.
    """
    now = clock.to_ms(asked.at)
    with ctx.database.write() as c:
        live_lease = _live_lease(c, asked, now)
        if live_lease is not None:
            _extend(c, live_lease, asked, now)
            pool = c.execute(select(pools).where(pools.c.id == live_lease.pool_id)).first()
            return _answer(pool_of_row(pool), live_lease.number) if pool is not None and pool.is_on else None
        if asked.act != "ask":
            return None
        rows = c.execute(select(pools).where(pools.c.site_id == asked.site.id, pools.c.is_on).order_by(pools.c.id))
        chosen = next((pool for pool in map(pool_of_row, rows) if pool.suits(asked)), None)
        return _lent(c, chosen, asked, now) if chosen else None


def _live_lease(c: Transaction, asked: NumberAsked, now: int) -> Any:
    query = (
        select(leases)
        .where(
            leases.c.site_id == asked.site.id,
            leases.c.visitor == people.hexed(asked.visitor),
            leases.c.seen_ms > now - VISIT_MS,
        )
        .order_by(leases.c.seen_ms.desc())
        .limit(1)
    )
    return c.execute(query).first()


def _extend(c: Transaction, lease: Any, asked: NumberAsked, now: int) -> None:
    values: dict[str, Any] = {"seen_ms": max(now, lease.seen_ms)}
    if asked.act == "tap":
        values["tapped_ms"] = now
    c.execute(update(leases).where(leases.c.id == lease.id).values(**values))
    if not lease.is_overflow:
        c.execute(
            update(numbers)
            .where(numbers.c.site_id == asked.site.id, numbers.c.number == lease.number, numbers.c.used_ms < now)
            .values(used_ms=now)
        )


def _lent(c: Transaction, pool: Pool, asked: NumberAsked, now: int) -> NumberLent | None:
    visits, holding = _leases_of_sender(c, pool, asked, now)
    if visits >= SENDERS_LEASES:
        return _answer(pool, pool.overflow)
    row = None if holding >= _most_for_sender(c, pool) else _idle_longest(c, pool, now)
    number, is_overflow = (pool.overflow, True) if row is None else (row.number, False)
    if row is not None:
        c.execute(update(numbers).where(numbers.c.id == row.id).values(used_ms=now))
    c.execute(insert(leases).values(
        site_id=asked.site.id, pool_id=pool.id, number=number, visitor=people.hexed(asked.visitor), began_ms=now,
        seen_ms=now, tapped_ms=0, channel=asked.channel[:60], source=asked.source[:300], medium=asked.medium[:300],
        campaign=asked.campaign[:300], term=asked.term[:300], content=asked.content[:300], entry=asked.entry[:2000],
        is_overflow=is_overflow, sender=people.hexed(asked.sender) if asked.sender else "",
    ))  # fmt: skip
    return _answer(pool, number)


def _leases_of_sender(c: Transaction, pool: Pool, asked: NumberAsked, now: int) -> tuple[int, int]:
    """How many visits of this sender go on, and how many numbers of the pool they hold."""
    if not asked.sender:
        return 0, 0
    holds = (leases.c.pool_id == pool.id) & ~leases.c.is_overflow & (leases.c.seen_ms > now - pool.hold_s * 1000)
    query = select(func.count(), func.count(func.distinct(case((holds, leases.c.number))))).where(
        leases.c.site_id == asked.site.id,
        leases.c.sender == people.hexed(asked.sender),
        leases.c.seen_ms > now - VISIT_MS,
    )
    visits, holding = c.execute(query).one()
    return visits, holding


def _most_for_sender(c: Transaction, pool: Pool) -> int:
    query = select(func.count()).select_from(numbers).where(numbers.c.pool_id == pool.id, numbers.c.is_on)
    return max(SENDERS_LEAST, int(c.execute(query).scalar_one()) // SENDERS_SHARE)


def _idle_longest(c: Transaction, pool: Pool, now: int) -> Any:
    """The number that has been idle longest, if it has been for long enough."""
    # TRAP: PostgreSQL locks a row as it is now but chose it as it was when the question began; only a condition that is
    # looked at again keeps a number out that somebody has just been lent, while others are idle.
    query = (
        select(numbers)
        .where(numbers.c.pool_id == pool.id, numbers.c.is_on, numbers.c.used_ms <= now - pool.hold_s * 1000)
        .order_by(numbers.c.used_ms, numbers.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)  # SQLite, which has one writer at a time, leaves this out
    )
    return c.execute(query).first()


def _answer(pool: Pool, number: str) -> NumberLent | None:
    return NumberLent(swap=dict.fromkeys(pool.swaps, number), reveal=pool.reveal) if number else None


def archive_leases(ctx: Context, most: int = 5000) -> int:
    """Move leases that have been silent for an hour into the event store; done twice it changes nothing."""
    with ctx.database.beside_others():  # a person that is erased meanwhile would come back
        return _archive_leases(ctx, most)


def _archive_leases(ctx: Context, most: int) -> int:
    with ctx.database.read() as c:
        query = select(leases).where(leases.c.seen_ms < clock.now_ms() - SILENT_MS).order_by(leases.c.id).limit(most)
        rows = c.execute(query).all()
    if rows:
        keep_leases(ctx, [dict(row._mapping) for row in rows])
        with ctx.database.write() as c:
            c.execute(delete(leases).where(leases.c.id.in_([row.id for row in rows])))
    return len(rows)


TEXTS = ("channel", "source", "medium", "campaign", "term", "content", "entry")


def keep_leases(ctx: Context, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put leases into the event store, each as a row of the table of leases."""
    ctx.warehouse.insert("lease_rows", {
        "site": [r["site_id"] for r in rows], "lease": [lease_key(r) for r in rows],
        "pool": [r["pool_id"] for r in rows], "number": [r["number"] for r in rows],
        "visitor": [int(r["visitor"], 16) for r in rows], "began": [clock.from_ms(r["began_ms"]) for r in rows],
        "seen": [clock.from_ms(r["seen_ms"]) for r in rows], "tapped": [clock.from_ms(r["tapped_ms"]) for r in rows],
        **{name: [r[name] for r in rows] for name in TEXTS}, "entry": [normal_path(r["entry"]) for r in rows],
        "is_overflow": [int(r["is_overflow"]) for r in rows],
    })  # fmt: skip


def lease_key(row: Mapping[str, Any]) -> int:
    """Stays the same wherever the lease lies; numbers of rows may be given out again by SQLite."""
    return hash_of(f"{row['site_id']}:{row['visitor']}:{row['began_ms']}")


def forget(ctx: Context, site: Site, nodes: Sequence[int]) -> None:
    """Take a person's leases out of the record store."""
    keys = [people.hexed(node) for node in nodes]
    with ctx.database.write() as c:
        for i in range(0, len(keys), 500):
            c.execute(delete(leases).where(leases.c.site_id == site.id, leases.c.visitor.in_(keys[i : i + 500])))
