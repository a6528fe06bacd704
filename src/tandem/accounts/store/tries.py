"""Counts tries (sign-in, codes, links) in the record store, before what is tried is looked at: nobody slips past.

A try is counted and judged in one transaction, so sixty guesses at once pass no more often than sixty in a row, on any
number of servers. A limit stands for itself; the first one that is full refuses, and later ones then count nothing.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

import msgspec
from sqlalchemy import Connection, case, delete, update

from tandem.accounts.tables import tries as t
from tandem.base import clock
from tandem.base.database import Database, upsert
from tandem.base.errors import UserError

MOST_REMEMBERED = 10_000
_full: "WeakKeyDictionary[Database, dict[str, datetime]]" = WeakKeyDictionary()


class TryLimit(msgspec.Struct, frozen=True):
    """At most `most` tries of `what` in `window_s` seconds from the first one on."""

    what: str
    most: int
    window_s: int

    @property
    def key(self) -> str:
        """What is stored: no address of a person stands in the table."""
        return hashlib.sha256(self.what.encode()).hexdigest()


class Slowed(msgspec.Struct, frozen=True):
    """No lock-out but a pace: once `after` is full, a try passes by `own`, else only as fast as `pace` lets it.

    own    what one sender has to itself; others can use up the pace, which all senders share, but not this
    """

    after: TryLimit
    own: TryLimit
    pace: TryLimit


def take(db: Database, *limits: TryLimit | Slowed) -> None:
    """Count one try against each limit.

    raises   UserError (429) when one of them is full
    """
    now = clock.now()
    if (full_limit := _known_full(db, limits, now)) is not None:
        raise too_many(full_limit)
    with db.write() as c:
        c.execute(delete(t).where(t.c.ends_at < now))
        for limit in limits:
            full = _counted(db, c, limit) if isinstance(limit, TryLimit) else _slowed(db, c, limit)
            if full is not None:
                break
    if full is not None:
        raise too_many(full)


def too_many(limit: TryLimit) -> UserError:
    """What is said to whoever has tried too often."""
    if limit.window_s <= 60:
        return UserError(
            "Somebody keeps trying to sign in to this account.",
            "Use a browser that has signed in before, ask an admin for a new link, or try again in half a minute.",
            status=429,
        )
    if limit.window_s <= 300:
        return UserError("Too many attempts.", "Wait five minutes and try again.", status=429)
    return UserError("Too many attempts.", "Try again tomorrow, or ask an admin of your workspace.", status=429)


def _known_full(db: Database, limits: Iterable[TryLimit | Slowed], now: datetime) -> TryLimit | None:
    """A limit that this process has seen full: a flood is refused without a write to the disk."""
    full = _full.get(db, {})
    for limit in limits:
        parts = (limit,) if isinstance(limit, TryLimit) else (limit.after, limit.own, limit.pace)
        if all(part.key in full and now <= full[part.key] for part in parts):
            return parts[-1]
    return None


def _slowed(db: Database, c: Connection, limit: Slowed) -> TryLimit | None:
    if _counted(db, c, limit.after) is None or _counted(db, c, limit.own) is None:
        return None
    return _counted(db, c, limit.pace)


def _counted(db: Database, c: Connection, limit: TryLimit) -> TryLimit | None:
    """The limit, if this try is one too many for it."""
    now = clock.now()
    ends = now + timedelta(seconds=limit.window_s)
    is_over = t.c.ends_at < now
    tries = (
        upsert(c, t)
        .values(key=limit.key, count=1, ends_at=ends)
        .on_conflict_do_update(
            index_elements=[t.c.key],
            set_={
                "count": case((is_over, 1), else_=t.c.count + 1),
                "ends_at": case((is_over, ends), else_=t.c.ends_at),
            },
        )
    )
    row = c.execute(tries.returning(t.c.count, t.c.ends_at)).one()
    if row[0] <= limit.most:
        return None
    seen = _full.setdefault(db, {})
    if len(seen) > MOST_REMEMBERED:
        seen.clear()
    seen[limit.key] = row[1]
    return limit


def give_back(db: Database, *limits: TryLimit | Slowed) -> None:
    """A try that was right counts for nothing."""
    counted = [(limit,) if isinstance(limit, TryLimit) else (limit.after, limit.own) for limit in limits]
    keys = [limit.key for those in counted for limit in those]
    for key in keys:
        _full.get(db, {}).pop(key, None)
    with db.write() as c:
        c.execute(update(t).where(t.c.key.in_(keys), t.c.count > 0).values(count=t.c.count - 1))
