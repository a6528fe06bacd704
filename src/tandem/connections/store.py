"""Connections and the inbox in the record store. Secrets and deliveries are sealed: they hold personal data."""

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from tandem.accounts.model import Site
from tandem.accounts.store import differences, note
from tandem.base import clock, log
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.http import is_sealed_on_its_way
from tandem.base.texts import short_text
from tandem.base.vault import Vault
from tandem.connections.model import Connection, Delivery, Incoming, Skipped, SkippedRecord, System, Systems
from tandem.connections.tables import connections as t
from tandem.connections.tables import inbox, skipped_records
from tandem.core.context import Context

_log = log.get("connections")

LONGEST_WAIT = timedelta(hours=1)
"""How long a delivery or a poll that failed waits at most."""
NO_POLL_WAIT = timedelta(days=1)
"""How long a connection that cannot be polled is left alone."""
GIVEN_UP_AFTER = timedelta(days=7)
GIVEN_UP_FOR = timedelta(days=36_500)
"""Until somebody asks to try it again: what ended a week of trying does not mend itself."""
MOST_SKIPPED, SHOWN_SKIPPED = 1_000, 5
"""Skipped records that are kept of a connection, and those of them that are shown."""
KEYS_KEPT = timedelta(days=90)
"""How long a delivery's key is remembered after it was worked on; its text is forgotten at once."""


class WaitingDeliveries(msgspec.Struct, frozen=True, kw_only=True):
    """What waits in the inbox of one connection."""

    count: int = 0
    problem: str = ""


class UnreadableConnection(msgspec.Struct, frozen=True, kw_only=True):
    """A connection of which something was sealed with another key: its credentials, or so many waiting deliveries."""

    name: str
    has_credentials: bool
    deliveries: int


def systems_of(ctx: Context) -> Systems:
    """The outside systems that slices can speak to, by area and id."""
    return ctx.systems


def add(
    ctx: Context, site: Site, system: System, name: str, form: Mapping[str, str], by: int | None = None
) -> Connection:
    """Connect a site to an outside system.

    raises   UserError naming the setting that is missing
    """
    settings, secrets = _parted(system, form)
    _must_be_whole(system, {**settings, **secrets})
    _must_be_sealed_on_its_way(ctx, system, {**settings, **secrets})
    now = clock.now()
    values = {
        "site_id": site.id, "area": system.area, "system": system.id, "name": short_text(name, "name") or system.label,
        "settings": settings, "sealed": _sealed(ctx, secrets), "cursor": {}, "is_on": True, "made_at": now,
        "next_at": now, "failures": 0, "problem": "",
    }  # fmt: skip
    with ctx.database.write() as c:
        made = c.execute(insert(t).values(**values))
        number = int(made.inserted_primary_key[0])  # type: ignore[index]
        note(c, site.workspace_id, by, "connections.added", f"{system.area}/{system.id}", name=values["name"])
    return connection(ctx, number)


def change(
    ctx: Context,
    site: Site,
    current: Connection,
    name: str,
    form: Mapping[str, str],
    is_on: bool,
    by: int | None = None,
) -> Connection:
    """Set a connection anew; a secret left empty stays as it was. It is polled again at once.

    What cannot be opened is not kept: all secrets of such a connection are given anew.

    raises   UserError when its address changes and a secret is not given anew: whoever may edit a connection must not
             have the secrets of somebody else sent to a server of their own
    """
    system = systems_of(ctx)[current.area, current.system]
    settings, secrets = _parted(system, form)
    secrets_kept = {f.name: current.setting(f.name) for f in system.fields if f.is_secret and current.setting(f.name)}
    given_anew = {key: value for key, value in secrets.items() if value}
    secrets = secrets_kept | given_anew
    _must_be_whole(system, {**settings, **secrets})
    _must_be_sealed_on_its_way(ctx, system, {**settings, **secrets})
    _must_be_given_anew(system, current, {**settings, **secrets}, set(secrets_kept) - set(given_anew))
    values = {
        "name": short_text(name, "name") or system.label, "settings": settings, "sealed": _sealed(ctx, secrets),
        "is_on": is_on, "failures": 0, "problem": "", "next_at": clock.now(),
    }  # fmt: skip
    with ctx.database.write() as c:
        c.execute(update(t).where(t.c.id == current.id).values(**values))
        before = {f.name: current.setting(f.name) for f in system.fields if not f.is_secret}
        changed: dict[str, Any] = differences(before, settings)
        changed |= differences({"name": current.name, "is_on": current.is_on}, {"name": values["name"], "is_on": is_on})
        if fresh := sorted(n for n, value in given_anew.items() if value != current.setting(n)):
            changed["secrets"] = fresh  # which ones, never what they are
        note(c, site.workspace_id, by, "connections.changed", f"{current.area}/{current.system}", **changed)
    return connection(ctx, current.id)


def remove(ctx: Context, site: Site, connection: Connection, by: int | None = None) -> None:
    """Forget a connection, its secrets and what waits in its inbox; what it brought stays."""
    with ctx.database.write() as c:
        c.execute(delete(inbox).where(inbox.c.connection_id == connection.id))
        c.execute(delete(skipped_records).where(skipped_records.c.connection_id == connection.id))
        c.execute(delete(t).where(t.c.id == connection.id))
        note(
            c,
            site.workspace_id,
            by,
            "connections.removed",
            f"{connection.area}/{connection.system}",
            name=connection.name,
        )


def connection(ctx: Context, number: int, site: Site | None = None) -> Connection:
    """One connection, of this site if one is named.

    raises   UserError (404) when there is none
    """
    query = select(t).where(t.c.id == number)
    if site is not None:
        query = query.where(t.c.site_id == site.id)
    with ctx.database.read() as c:
        row = c.execute(query).first()
    if row is None:
        raise UserError("There is no such connection.", "See the Connections page.", status=404)
    return _connection(ctx, row)


def must_be_readable(connection: Connection) -> None:
    """Whether a connection has the secrets to ask its system, or to believe it.

    raises   UserError (503) when they were sealed with another key: an outside system is to come again later
    """
    if connection.is_unreadable:
        raise UserError(
            "The credentials of this connection cannot be decrypted.", "Enter them again on the Connections page.",
            status=503,
        )  # fmt: skip


def connections_of(ctx: Context, site: Site | None = None, area: str = "") -> list[Connection]:
    """The connections of a site (or of all), of one area (or of all)."""
    query = select(t).order_by(t.c.area, t.c.system, t.c.id)
    if site is not None:
        query = query.where(t.c.site_id == site.id)
    if area:
        query = query.where(t.c.area == area)
    with ctx.database.read() as c:
        return [_connection(ctx, row) for row in c.execute(query)]


def problems(db: Database) -> list[tuple[str, str]]:
    """The connections that are on by name, each with its last problem; "" where there is none."""
    with db.read() as c:
        rows = c.execute(select(t.c.name, t.c.problem).where(t.c.is_on).order_by(t.c.id))
        return [(row.name, row.problem) for row in rows]


def any_sealed(db: Database) -> list[str]:
    """One sealed value, if there is any: to see whether the key is the right one."""
    with db.read() as c:
        return list(c.execute(select(t.c.sealed).where(t.c.sealed != "").limit(1)).scalars())


def unreadable(db: Database, vault: Vault) -> list[UnreadableConnection]:
    """The connections with credentials or waiting deliveries that this key does not open."""
    with db.read() as c:
        rows = c.execute(select(t.c.id, t.c.name, t.c.sealed).order_by(t.c.id)).all()
    counts = Counter(row.connection_id for row in _waiting_rows(db) if vault.try_open(row.sealed.decode()) is None)
    listed = (
        UnreadableConnection(
            name=row.name, has_credentials=bool(row.sealed) and vault.try_open(row.sealed) is None,
            deliveries=counts[row.id],
        )
        for row in rows
    )  # fmt: skip
    return [one for one in listed if one.has_credentials or one.deliveries]


def due(ctx: Context) -> list[Connection]:
    """The connections whose time to be polled has come, the longest waiting first; without those whose secrets cannot
    be opened, which have nothing to sign in with.

    One whose time lies farther ahead than it ever waits was polled by a clock that ran ahead: it is due too.
    """
    now = clock.now()
    is_due = or_(t.c.next_at <= now, t.c.next_at > now + LONGEST_WAIT)
    with ctx.database.read() as c:
        rows = c.execute(select(t).where(t.c.is_on, is_due).order_by(t.c.next_at)).all()
    due_rows = (row for row in rows if not now < row.next_at <= now + _longest_wait(ctx, row))
    return [one for one in (_connection(ctx, row) for row in due_rows) if not one.is_unreadable]


def _longest_wait(ctx: Context, row: Any) -> timedelta:
    """How long a connection waits at most for its next poll."""
    system = systems_of(ctx).get((row.area, row.system))
    if system is None or system.poll is None:
        return NO_POLL_WAIT
    return max(LONGEST_WAIT, timedelta(seconds=system.poll_every_s))


def mark_polled(
    ctx: Context, connection: Connection, next_at: datetime, cursor: Mapping[str, Any] | None = None, problem: str = ""
) -> None:
    """Note how a poll went. The cursor moves on only with one that went well.

    Whoever set the connection anew meanwhile, or asked to fetch everything again, planned its next poll: what this one
    says is of what was before, and is not noted.
    """
    now = clock.now()
    values: dict[str, Any] = {"polled_at": now, "next_at": next_at, "problem": problem[:1000]}
    values["failures"] = connection.failures + 1 if problem else 0
    if not problem:
        values["ok_at"] = now
    if cursor is not None:
        values["cursor"] = dict(cursor)
    is_as_it_was = (t.c.id == connection.id, t.c.next_at == connection.next_at)
    with ctx.database.write() as c:
        c.execute(update(t).where(*is_as_it_was).values(**values))


def poll_now(ctx: Context, connection: Connection) -> None:
    """Poll at the next turn, whatever was planned."""
    with ctx.database.write() as c:
        c.execute(update(t).where(t.c.id == connection.id).values(next_at=clock.now()))


def poll_afresh(ctx: Context, connection: Connection) -> None:
    """Fetch everything again from the beginning, at the next turn."""
    with ctx.database.write() as c:
        c.execute(update(t).where(t.c.id == connection.id).values(next_at=clock.now(), cursor={}))


# ── webhooks ──


def hook_token(ctx: Context, connection: Connection) -> str:
    """The secret part of a connection's webhook address; made from the installation's own, so it need not be stored."""
    name = f"in:{connection.id}:{clock.to_ms(connection.made_at)}"
    return hmac.new(ctx.secret, name.encode(), hashlib.sha256).hexdigest()[:32]


def hook_address(ctx: Context, connection: Connection) -> str:
    return f"{ctx.config.base_url}/hooks/in/{connection.id}/{hook_token(ctx, connection)}"


def keep_delivery(ctx: Context, connection: Connection, key: str, incoming: Incoming) -> bool:
    """Keep a webhook until it is worked on; committed when this returns. False when its key came before."""
    text = msgspec.json.encode((incoming.query, incoming.form, incoming.body)).decode()
    now = clock.now()
    values = {
        "connection_id": connection.id, "key": _short(key), "received_at": now, "sealed": ctx.vault.seal(text).encode(),
        "tries": 0, "next_at": now, "problem": "", "done_at": None,
    }  # fmt: skip
    try:
        with ctx.database.write() as c:
            c.execute(insert(inbox).values(**values))
    except IntegrityError:
        return False
    return True


def deliveries_waiting(ctx: Context, most: int = 200) -> list[Delivery]:
    """Deliveries whose turn has come, in the order in which they came.

    A young one whose turn lies farther ahead than it ever waits was postponed by a clock that ran ahead.
    """
    now = clock.now()
    is_misdated = (inbox.c.next_at > now + LONGEST_WAIT) & (inbox.c.received_at > now - GIVEN_UP_AFTER)
    is_due = or_(inbox.c.next_at <= now, is_misdated)
    query = select(inbox).where(inbox.c.done_at.is_(None), is_due).order_by(inbox.c.id).limit(most)
    with ctx.database.read() as c:
        rows = c.execute(query).all()
    return [_delivery(ctx, row) for row in rows]


def is_waiting(ctx: Context, delivery: Delivery) -> bool:
    """Whether a delivery is still to be worked on: nobody else has done so, and no erasure has cleared it."""
    query = select(inbox.c.id).where(inbox.c.id == delivery.id, inbox.c.done_at.is_(None))
    with ctx.database.read() as c:
        return c.execute(query).first() is not None


def all_waiting(ctx: Context, site: Site) -> Iterator[Delivery]:
    """Every delivery to a site that nobody has worked on, those that were given up or cannot be opened too."""
    of_site = inbox.c.connection_id.in_(select(t.c.id).where(t.c.site_id == site.id))
    return (_delivery(ctx, row) for row in _waiting_rows(ctx.database, of_site))


def _waiting_rows(db: Database, *where: ColumnElement[bool]) -> Iterator[Row[Any]]:
    """The rows of deliveries that nobody has worked on, a hundred at a time: each may hold a megabyte."""
    last, most = 0, 100
    while True:
        query = select(inbox).where(inbox.c.done_at.is_(None), inbox.c.id > last, *where)
        with db.read() as c:
            rows = c.execute(query.order_by(inbox.c.id).limit(most)).all()
        yield from rows
        if len(rows) < most:
            return
        last = rows[-1].id


def mark_done(ctx: Context, delivery: Delivery) -> None:
    """Forget what a delivery said; its key stays for a while, so that it is not taken twice."""
    clear(ctx, [delivery.id])


def clear(ctx: Context, numbers: Sequence[int]) -> None:
    """Forget what these deliveries said, worked on or not."""
    values = {"done_at": clock.now(), "sealed": b"", "problem": ""}
    with ctx.database.write() as c:
        for i in range(0, len(numbers), 500):
            c.execute(update(inbox).where(inbox.c.id.in_(numbers[i : i + 500])).values(**values))


def mark_failed(ctx: Context, delivery: Delivery, why: str) -> None:
    """Try a delivery again later: after 2, 4, 8 … seconds, at most an hour; no more after a week.

    Whoever asked meanwhile to try it again at once, maybe after mending the connection, is not made to wait.
    """
    now = clock.now()
    wait = min(LONGEST_WAIT, timedelta(seconds=2 ** min(delivery.tries + 1, 12)))
    if now - delivery.received_at > GIVEN_UP_AFTER:
        wait = GIVEN_UP_FOR
    values = {"tries": delivery.tries + 1, "next_at": now + wait, "problem": why[:1000]}
    is_as_it_was = (inbox.c.id == delivery.id, inbox.c.next_at == delivery.next_at)
    with ctx.database.write() as c:
        c.execute(update(inbox).where(*is_as_it_was).values(**values))


def try_again(ctx: Context, connection: Connection) -> None:
    """Work on everything that waits in this connection's inbox at the next turn."""
    with ctx.database.write() as c:
        c.execute(
            update(inbox)
            .where(inbox.c.connection_id == connection.id, inbox.c.done_at.is_(None))
            .values(next_at=clock.now())
        )


def waiting(ctx: Context, connection_ids: Iterable[int]) -> dict[int, WaitingDeliveries]:
    """How much waits in each inbox, and the last problem there."""
    query = (
        select(inbox.c.connection_id, func.count(), func.max(inbox.c.problem))
        .where(inbox.c.connection_id.in_(list(connection_ids)), inbox.c.done_at.is_(None))
        .group_by(inbox.c.connection_id)
    )
    with ctx.database.read() as c:
        return {
            number: WaitingDeliveries(count=count, problem=problem or "") for number, count, problem in c.execute(query)
        }


def forget_old(ctx: Context) -> None:
    """Forget the keys of deliveries that were worked on long ago, records that were skipped long ago, and deliveries
    that were given up: these hold personal data that nobody will read. The audit log says how many.
    """
    now = clock.now()
    is_given_up = (
        inbox.c.done_at.is_(None) & (inbox.c.next_at > now + LONGEST_WAIT)
        & (inbox.c.received_at < now - GIVEN_UP_AFTER - KEYS_KEPT)
    )  # fmt: skip
    counted = (
        select(t.c.id, t.c.site_id, t.c.name, func.count().label("count"))
        .join_from(inbox, t).where(is_given_up).group_by(t.c.id, t.c.site_id, t.c.name)
    )  # fmt: skip
    workspaces = {site.id: site.workspace_id for site in ctx.sites().values()}
    with ctx.database.write() as c:
        for row in c.execute(counted).all():
            _log.warning("connections.given_up_forgotten", connection=row.id, count=row.count)
            if row.site_id in workspaces:
                note(c, workspaces[row.site_id], None, "connections.deliveries_forgotten", row.name, count=row.count)
        c.execute(delete(inbox).where(or_(inbox.c.done_at < now - KEYS_KEPT, is_given_up)))
        c.execute(delete(skipped_records).where(skipped_records.c.at < now - KEYS_KEPT))


# ── records that were skipped ──


def note_skipped(
    ctx: Context, connection: Connection, skipped: Mapping[str, SkippedRecord], read: Iterable[str] = ()
) -> None:
    """Note which records were skipped and why, by a key of each; those that were `read` meanwhile are skipped no more.

    The sentences quote what a record says, which may be personal: they lie sealed, and go after 90 days.
    """
    t_ = skipped_records
    ours = t_.c.connection_id == connection.id
    with ctx.database.read() as c:
        stored = {row.key for row in c.execute(select(t_.c.key).where(ours))}
    fresh = {_digest(key): one for key, one in list(skipped.items())[-MOST_SKIPPED:]}
    gone = stored & ({_digest(key) for key in read} | set(fresh)) if stored else set[str]()
    if not fresh and not gone:
        return
    now = clock.now()
    rows = [
        {
            "connection_id": connection.id,
            "key": key,
            "at": now,
            "sealed": ctx.vault.seal(msgspec.json.encode(one).decode()),
        }
        for key, one in fresh.items()
    ]
    with ctx.database.write() as c:
        if gone:
            c.execute(delete(t_).where(ours, t_.c.key.in_(gone)))  # no more than are kept
        if rows:
            c.execute(insert(t_), rows)
        if len(stored | set(fresh)) > MOST_SKIPPED:
            newest = select(t_.c.key).where(ours).order_by(t_.c.at.desc(), t_.c.key).limit(MOST_SKIPPED)
            c.execute(delete(t_).where(ours, t_.c.key.not_in(newest)))


def skipped_of(ctx: Context, connection_ids: Iterable[int]) -> dict[int, Skipped]:
    """What was skipped of each of these connections; those of which nothing was are left out."""
    t_ = skipped_records
    query = (
        select(t_.c.connection_id, func.count())
        .where(t_.c.connection_id.in_(list(connection_ids)))
        .group_by(t_.c.connection_id)
    )
    with ctx.database.read() as c:
        counts = {int(number): int(count) for number, count in c.execute(query)}
        newest = {
            number: c.execute(
                select(t_.c.sealed).where(t_.c.connection_id == number).order_by(t_.c.at.desc(), t_.c.key)
                .limit(SHOWN_SKIPPED)
            ).scalars().all()
            for number in counts
        }  # fmt: skip
    return {
        number: Skipped(
            count=count,
            newest=[
                msgspec.json.decode(text, type=SkippedRecord)
                for text in map(ctx.vault.try_open, newest[number])
                if text is not None
            ],
        )
        for number, count in counts.items()
    }


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


# ── rows ──


def _parted(system: System, form: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The settings given, open ones and secret ones; names that the system does not know are left out."""
    values = {f.name: (form.get(f.name) or "").strip() or ("" if f.is_secret else f.default) for f in system.fields}
    secret = {f.name for f in system.fields if f.is_secret}
    return {n: v for n, v in values.items() if n not in secret}, {n: v for n, v in values.items() if n in secret}


def _must_be_whole(system: System, values: Mapping[str, str]) -> None:
    for field in system.fields:
        if field.is_required and not values.get(field.name):
            raise UserError("%(system)s needs “%(field)s”.", "Fill it in.", system=system.label, field=field.label).at(
                field.name
            )
        if len(values.get(field.name, "")) > 10_000:
            raise UserError("“%(value)s” is too long.", "Shorten it.", value=field.label).at(field.name)


def _must_be_sealed_on_its_way(ctx: Context, system: System, values: Mapping[str, str]) -> None:
    for field in system.fields:
        if field.is_address and not is_sealed_on_its_way(values.get(field.name, ""), ctx.config.reach):
            raise UserError(
                "“%(field)s” does not use https, so the secrets could be intercepted.",
                "Start it with https://. The operator can allow a host of your own network in TANDEM_REACH.",
                field=field.label,
            ).at(field.name)


def _must_be_given_anew(
    system: System, connection: Connection, values: Mapping[str, str], kept_secrets: set[str]
) -> None:
    """Secrets go to the address that they were given for, and to no other."""
    is_moved = any(
        f.is_address and values.get(f.name, "").rstrip("/") != connection.setting(f.name, f.default).rstrip("/")
        for f in system.fields
    )
    missing = [f for f in system.fields if f.name in kept_secrets and not f.is_address]
    if is_moved and missing:
        raise UserError(
            "The address has changed, so enter the secrets again: “%(field)s” is missing.",
            "Fill in all secrets and save again.",
            field=missing[0].label,
        ).at(missing[0].name)


def _sealed(ctx: Context, secrets: Mapping[str, str]) -> str:
    return ctx.vault.seal(msgspec.json.encode(secrets).decode()) if any(secrets.values()) else ""


def _connection(ctx: Context, row: Any) -> Connection:
    text = ctx.vault.try_open(row.sealed) if row.sealed else "{}"
    secrets = msgspec.json.decode(text or "{}", type=dict[str, str])
    names = [n for n in Connection.__struct_fields__ if n not in ("settings", "is_unreadable")]
    columns = {n: row._mapping[n] for n in names}
    return Connection(settings={**row.settings, **secrets}, is_unreadable=text is None, **columns)


def _delivery(ctx: Context, row: Any) -> Delivery:
    text = ctx.vault.try_open(row.sealed.decode())
    parts = _NOTHING if text is None else msgspec.json.decode(text, type=tuple[_Pairs, _Pairs, bytes])
    names = ("id", "connection_id", "key", "received_at", "next_at", "tries")
    columns = {n: row._mapping[n] for n in names}
    return Delivery(query=parts[0], form=parts[1], body=parts[2], is_unreadable=text is None, **columns)


_Pairs = tuple[tuple[str, str], ...]
_NOTHING: tuple[_Pairs, _Pairs, bytes] = ((), (), b"")


def _short(key: str) -> str:
    """A key that fits its column: long ones by their digest."""
    return key if len(key) <= 200 else hashlib.sha256(key.encode()).hexdigest()
