"""Pools of phone numbers."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import insert, select, update

from tandem.accounts.model import Site
from tandem.accounts.store import differences, note
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.base.texts import short_text
from tandem.calls.tables import leases, numbers, pools
from tandem.core.context import Context
from tandem.core.slice import NumberAsked
from tandem.people.model.identifier import phone_of

CHANGEABLE = ("name", "price", "is_on")
REVEALS = ("at_once", "on_scroll", "on_click")


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers lent to visits of some channels in place of the site's own numbers (`swaps`)."""

    id: int
    site_id: int
    name: str
    channels: list[str]
    sources: list[str]
    swaps: list[str]
    reveal: str
    hold_s: int
    overflow: str
    price: float | None
    is_on: bool

    def suits(self, asked: NumberAsked) -> bool:
        """Whether visits from there get a number of this pool."""
        return (not self.channels or asked.channel in self.channels) and (
            not self.sources or asked.source in self.sources
        )


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A number of ours: in a pool, or static with the source it stands for (a billboard, a leaflet)."""

    id: int
    pool_id: int | None
    number: str
    label: str
    channel: str
    source: str
    campaign: str
    is_on: bool
    used_ms: int


def pools_of(ctx: Context, site: Site) -> list[Pool]:
    with ctx.database.read() as c:
        query = select(pools).where(pools.c.site_id == site.id).order_by(pools.c.id)
        return [pool_of_row(row) for row in c.execute(query)]


def numbers_of(ctx: Context, site: Site) -> list[Number]:
    with ctx.database.read() as c:
        query = select(numbers).where(numbers.c.site_id == site.id).order_by(numbers.c.pool_id, numbers.c.id)
        return [_number(row) for row in c.execute(query)]


def pool_of(ctx: Context, site: Site, pool_id: int) -> Pool:
    """One pool.

    raises   UserError when the site has none of that id
    """
    found = next((pool for pool in pools_of(ctx, site) if pool.id == pool_id), None)
    if found is None:
        raise UserError("There is no such pool.", "Reload the page.", status=404)
    return found


def live_leases(ctx: Context, site: Site, pool: Pool) -> list[tuple[int, int, str, bool]]:
    """Start, last activity (both in ms), channel and overflow of the leases that are not archived yet."""
    columns = (leases.c.began_ms, leases.c.seen_ms, leases.c.channel, leases.c.is_overflow)
    with ctx.database.read() as c:
        query = select(*columns).where(leases.c.site_id == site.id, leases.c.pool_id == pool.id)
        return [(row[0], row[1], row[2], row[3]) for row in c.execute(query)]


def add_pool(ctx: Context, site: Site, name: str, swaps: Sequence[str], by: int | None = None, **more: Any) -> Pool:
    """A pool without numbers yet.

    raises   UserError when a number of the site's own is not valid, or the pool has no name
    """
    if not (name := short_text(name, "name")):
        raise UserError("The pool has no name.", "Name it after the traffic that it serves, like “Paid search”.").at(
            "name"
        )
    if more.get("reveal", "at_once") not in REVEALS:
        raise UserError("There is no such way to show a number.", "Use one of %(choices)s.", choices=", ".join(REVEALS))
    values = {
        "channels": [], "sources": [], "reveal": "at_once", "hold_s": 150, "overflow": "", "price": None, **more,
        "site_id": site.id, "name": name, "swaps": [valid(text) for text in swaps], "is_on": True,
        "made_at": clock.now(),
    }  # fmt: skip
    with ctx.database.write() as c:
        made = c.execute(insert(pools).values(**values))
        note(c, site.workspace_id, by, "calls.pool_added", values["name"])
        row = c.execute(select(pools).where(pools.c.id == made.inserted_primary_key[0])).one()  # type: ignore[index]
    return pool_of_row(row)


def add_numbers(
    ctx: Context, site: Site, texts: Iterable[str], pool: Pool | None = None, by: int | None = None, **static: str
) -> list[str]:
    """Put numbers into a pool, or note static ones with what they stand for; those known already stay as they are.

    raises   UserError naming the first text that is no valid number; then none is added
    """
    valid_numbers = [valid(text) for text in texts if text.strip()]
    existing = {number.number for number in numbers_of(ctx, site)}
    fresh = [n for n in dict.fromkeys(valid_numbers) if n not in existing]
    rows = [
        {"site_id": site.id, "pool_id": pool.id if pool else None, "number": n, "label": static.get("label", ""),
         "channel": static.get("channel", ""), "source": static.get("source", ""),
         "campaign": static.get("campaign", ""), "is_on": True, "used_ms": 0}
        for n in fresh
    ]  # fmt: skip
    if rows:
        with ctx.database.write() as c:
            c.execute(insert(numbers), rows)
            note(c, site.workspace_id, by, "calls.numbers_added", pool.name if pool else "static", count=len(rows))
    return fresh


def change_pool(ctx: Context, site: Site, pool: Pool, by: int | None = None, **changes: Any) -> Pool:
    """Rename a pool, price its numbers, or switch it off and on: `name`, `price`, `is_on`; what is left out stays.

    A pool that is off lends nothing, and visits that have one of its numbers see the site's own again. Calls to its
    numbers are heard either way.
    raises   UserError when the name is empty
    """
    if "name" in changes:
        changes["name"] = short_text(changes["name"], "name")
        if not changes["name"]:
            raise UserError(
                "The pool has no name.", "Name it after the traffic that it serves, like “Paid search”."
            ).at("name")
    changed = {name: value for name, value in changes.items() if name in CHANGEABLE and value != getattr(pool, name)}
    if changed:
        old, new = (
            {name: value if isinstance(value, bool) else str(value) for name, value in values.items()}
            for values in ({name: getattr(pool, name) for name in changed}, changed)
        )
        with ctx.database.write() as c:
            c.execute(update(pools).where(pools.c.id == pool.id, pools.c.site_id == site.id).values(**changed))
            note(c, site.workspace_id, by, "calls.pool_changed", pool.name, **differences(old, new))
    return pool_of(ctx, site, pool.id)


def switch_number(ctx: Context, site: Site, number_id: int, is_on: bool, by: int | None = None) -> None:
    """Lend a number or rest it; calls to it are heard either way."""
    with ctx.database.write() as c:
        where = (numbers.c.id == number_id, numbers.c.site_id == site.id)
        if not c.execute(update(numbers).where(*where).values(is_on=is_on)).rowcount:
            raise UserError("There is no such number.", "Reload the page.", status=404)
        note(c, site.workspace_id, by, "calls.number_switched", str(number_id), is_on=is_on)


def valid(text: str) -> str:
    """A number in its normal form.

    raises   UserError when it is none
    """
    number = phone_of(text.strip())
    if number is None:
        raise UserError(
            "“%(value)s” is not a phone number.",
            "Include the country code: +48 22 555 00 00.",
            value=text.strip()[:30],
        )
    return number


def pool_of_row(row: Any) -> Pool:
    values = {name: row._mapping[name] for name in Pool.__struct_fields__}
    return Pool(**{**values, "price": None if row.price is None else float(row.price)})


def _number(row: Any) -> Number:
    return Number(**{name: row._mapping[name] for name in Number.__struct_fields__})
