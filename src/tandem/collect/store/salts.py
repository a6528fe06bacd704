"""The salts that make a visitor's number for one day."""

import secrets
from datetime import date, datetime, timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from tandem.base import clock
from tandem.base.database import Database
from tandem.collect import tables as t
from tandem.collect.ingest import Salts, overlaps, yesterday_of


def salts_of_today(db: Database, now: datetime | None = None) -> Salts:
    """Today's salt, made when first asked for; older ones are deleted, so that no id can be traced back."""
    moment = now or clock.now()
    today, yesterday = moment.date(), yesterday_of(moment.date())
    with db.read() as c:
        salts = {r.on: bytes(r.salt) for r in c.execute(select(t.salts))}
    # A salt of a day to come was made by a clock that was wrong, and would otherwise stay until that day.
    tomorrow = today + timedelta(days=1)
    needs_cleaning = any(
        on < yesterday or (on == yesterday and not overlaps(moment.hour)) or on > tomorrow for on in salts
    )
    if today not in salts or needs_cleaning:
        salts = _renewed_salts(db, today, yesterday if overlaps(moment.hour) else today)
    return Salts(today, salts[today], salts.get(yesterday, b"") if overlaps(moment.hour) else b"")


def _renewed_salts(db: Database, today: date, oldest: date) -> dict[date, bytes]:
    try:
        with db.write() as c:
            c.execute(delete(t.salts).where((t.salts.c.on < oldest) | (t.salts.c.on > today + timedelta(days=1))))
            if c.execute(select(t.salts.c.on).where(t.salts.c.on == today)).first() is None:
                c.execute(insert(t.salts).values(on=today, salt=secrets.token_bytes(32)))
    except IntegrityError:
        pass  # another collector was first; its salt is the one
    db.forget_deleted()
    with db.read() as c:
        return {r.on: bytes(r.salt) for r in c.execute(select(t.salts))}


def salt_days(db: Database) -> list[date]:
    """The days whose salts are still there."""
    with db.read() as c:
        return list(c.execute(select(t.salts.c.on)).scalars())
