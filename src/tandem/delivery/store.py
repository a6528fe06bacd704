"""The outbox in the record store. Texts are sealed while they wait, and gone as soon as they need not wait any more."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, insert, or_, select, update

from tandem.accounts.model import User
from tandem.base import clock
from tandem.base.database import Database
from tandem.core.context import Context
from tandem.delivery.model import EMAIL, KINDS, LONGEST_WAIT, MOST_TRIES, DueMessage, Message, State, wait_after
from tandem.delivery.tables import outbox as t
from tandem.delivery.tables import preferences

LEASE = timedelta(minutes=5)
"""For how long whoever has taken a message may take to send it, before another tries."""
DAYS_KEPT = timedelta(days=30)


def put(ctx: Context, user: User | None, kind: str, message: Message, holds: timedelta, channel: str = EMAIL) -> None:
    """Put a message into the outbox; it is on disk when this returns.

    user     whom it is for; for None the same work is done, and nothing is ever sent
    holds    after this time it is not worth sending any more
    """
    now = clock.now()
    sealed = ctx.vault.seal(msgspec.json.encode(message).decode())
    is_wanted = user is not None and wants(ctx.database, user, kind, channel)
    with ctx.database.write() as c:
        c.execute(
            insert(t).values(
                workspace_id=user.workspace_id if user else None, person_id=user.id if user else None,
                channel=channel, kind=kind, sealed=sealed if is_wanted else "", made_at=now, next_at=now,
                expires_at=now + holds, tries=0, problem="", sent_at=None if is_wanted else now, dead_at=None,
            )
        )  # fmt: skip


def take_due(ctx: Context, most: int = 5) -> Iterator[DueMessage]:
    """Messages whose turn has come, each taken when it is asked for, so that no other server sends it meanwhile.

    Taken all at once, the last ones would be another's again before a slow server has accepted the first.
    One whose turn lies farther ahead than any waits was dated by a clock that ran ahead: it is sent too.
    """
    now = clock.now()
    is_due = or_(t.c.next_at <= now, t.c.next_at > now + LONGEST_WAIT)
    due = select(t).where(t.c.sent_at.is_(None), t.c.dead_at.is_(None), is_due).order_by(t.c.id).limit(most)
    with ctx.database.read() as c:
        rows = c.execute(due).all()
    for row in rows:
        lease = update(t).where(t.c.id == row.id, t.c.next_at == row.next_at, t.c.sent_at.is_(None))
        with ctx.database.write() as c:
            is_ours = c.execute(lease.values(next_at=clock.now() + LEASE)).rowcount == 1
        if is_ours and (waiting := _opened(ctx, row)) is not None:
            yield waiting


def _opened(ctx: Context, row: Row[Any]) -> DueMessage | None:
    """The message of a row; one that is too late, sealed with another key or in another form is given up."""
    message, why = None, "was not sent in time"
    text = ctx.vault.try_open(row.sealed)
    try:
        message = msgspec.json.decode(text, type=Message) if text is not None else None
    except msgspec.DecodeError:
        why = "was written by another version"
    if text is None:
        why = "was encrypted with another key"
    if message is None or row.expires_at < clock.now():
        with ctx.database.write() as c:
            c.execute(update(t).where(t.c.id == row.id).values(dead_at=clock.now(), sealed="", problem=why[:200]))
        return None
    names = ("id", "channel", "kind", "made_at", "expires_at", "tries")
    return DueMessage(message=message, **{name: row._mapping[name] for name in names})


def mark_sent(db: Database, waiting: DueMessage) -> None:
    """It is out; its text is forgotten."""
    with db.write() as c:
        c.execute(update(t).where(t.c.id == waiting.id).values(sent_at=clock.now(), sealed="", problem=""))


def mark_failed(db: Database, waiting: DueMessage, why: str, is_final: bool = False) -> bool:
    """Try it again later, or give it up: returns whether it was given up. What is given up loses its text too."""
    now, tries = clock.now(), waiting.tries + 1
    next_at = now + wait_after(tries)
    is_dead = is_final or tries >= MOST_TRIES or next_at > waiting.expires_at
    values = {"tries": tries, "problem": why[:200], "next_at": next_at}
    if is_dead:
        values |= {"dead_at": now, "sealed": ""}
    with db.write() as c:
        c.execute(update(t).where(t.c.id == waiting.id).values(**values))
    return is_dead


def forget_old(db: Database) -> None:
    """Forget what was sent or given up long ago."""
    with db.write() as c:
        c.execute(delete(t).where(t.c.made_at < clock.now() - DAYS_KEPT))


def state(db: Database) -> State:
    """What waits, what was given up in the last thirty days, and the last problem."""
    is_open = t.c.sent_at.is_(None) & t.c.dead_at.is_(None)
    with db.read() as c:
        waiting = c.execute(select(func.count()).where(is_open)).scalar_one()
        dead = c.execute(select(func.count()).where(t.c.dead_at.is_not(None))).scalar_one()
        problem = c.execute(select(t.c.problem).where(t.c.problem != "").order_by(t.c.id.desc()).limit(1)).scalar()
    return State(waiting=waiting, dead=dead, problem=problem or "")


# ── who wants what ──


def wants(db: Database, user: User, kind: str, channel: str = EMAIL) -> bool:
    """Whether a user wants to be told of this by this channel; what cannot be switched off is always wanted."""
    if kind not in KINDS:
        return True
    p = preferences.c
    query = select(p.is_on).where(p.person_id == user.id, p.kind == kind, p.channel == channel)
    with db.read() as c:
        said = c.execute(query).scalar()
    return True if said is None else bool(said)


def prefer(db: Database, user: User, kind: str, is_on: bool, channel: str = EMAIL) -> None:
    """Note what a user wants."""
    p = preferences.c
    mine = (p.person_id == user.id, p.kind == kind, p.channel == channel)
    with db.write() as c:
        c.execute(delete(preferences).where(*mine))
        c.execute(insert(preferences).values(person_id=user.id, kind=kind, channel=channel, is_on=is_on))
