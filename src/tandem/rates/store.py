"""Reads and writes of exchange rates."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import Connection, delete, func, insert, select

from tandem.base.database import Database
from tandem.rates.model import OLDEST, Rate, Rates
from tandem.rates.tables import exchange_rates as t

AT_ONCE = 400


def rates_of(database: Database, since: date | None = None) -> Rates:
    """The rates to convert amounts by; those of days from `since` on, if given, are enough for amounts of such days."""
    query = select(t)
    if since is not None:
        query = query.where(t.c.on >= since - OLDEST)
    with database.read() as c:
        rows = c.execute(query).all()
    rates = (Rate(on=r.on, currency=r.currency, per_eur=Decimal(r.per_eur), source=r.source) for r in rows)
    return Rates(rate for rate in rates if rate.is_possible)  # 0.3.1 kept any number above 0


Key = tuple[str, str, date]
"""Of which source, currency and day a rate is."""


def keep(database: Database, rows: Iterable[Rate]) -> int:
    """Put rates into the store; one of the same source, currency and day is replaced. Returns how many were new."""
    with database.write() as c:
        fresh, replaced = _fresh(c, rows)
        for source, currency, on in replaced:
            c.execute(delete(t).where(t.c.source == source, t.c.currency == currency, t.c.on == on))
        values = [{"source": s, "currency": cur, "on": on, "per_eur": v} for (s, cur, on), v in fresh.items()]
        for i in range(0, len(values), AT_ONCE):
            c.execute(insert(t), values[i : i + AT_ONCE])
    return len(fresh)


def fresh_of(database: Database, rows: Iterable[Rate]) -> int:
    """How many of these rates would be new, or another value than before."""
    with database.read() as c:
        return len(_fresh(c, rows)[0])


def _fresh(c: Connection, rows: Iterable[Rate]) -> tuple[dict[Key, str], set[Key]]:
    """The rates that the store has not, or with another value, and which of them replace one."""
    new = {(r.source, r.currency, r.on): str(r.per_eur) for r in rows}
    if not new:
        return {}, set()
    days = [on for _, _, on in new]
    between = select(t).where(t.c.on >= min(days), t.c.on <= max(days))
    existing = {(r.source, r.currency, r.on): r.per_eur for r in c.execute(between)}
    fresh = {key: value for key, value in new.items() if existing.get(key) != value}
    return fresh, fresh.keys() & existing.keys()


def last_day(database: Database, source: str) -> date | None:
    """The newest day that a source has published for."""
    with database.read() as c:
        last: date | None = c.execute(select(func.max(t.c.on)).where(t.c.source == source)).scalar()
    return last


def is_fresh(database: Database, source: str, today: date) -> bool:
    """Whether a source need not be asked today: it was, or its last day is yesterday and the bank rests."""
    last = last_day(database, source)
    return last is not None and last >= today - timedelta(days=0 if today.weekday() < 5 else today.weekday() - 4)
