"""Imports of reports, and which of them counts on which day."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import RowMapping, Select, func, insert, select, update

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.accounts.tables import sites
from tandem.ads.model import (
    Load,
    Problem,
    better_of,
    winner,
)
from tandem.ads.store.common import MOST_ACCOUNTS, SHIFT, SQL, Key, moment_on
from tandem.ads.tables import ad_import_days as d
from tandem.ads.tables import ad_imports as t
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.core.context import Context

STAGED_FOR = timedelta(days=1)
COUNTING = ("confirmed", "loaded")
_settling = threading.Lock()


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """One report that was brought: a file, or what an API gave. `state` is one of

    reading     being read; what is left of one that was cut off never counts
    refused     it had problems, and nothing of it was kept
    staged      read and checked; waits to be confirmed, and counts for nothing yet
    confirmed   decided, about to count; loaded: it counts, for the days that it won
    undoing     taken back, about to stop counting; undone: taken back
    dropped     never confirmed, and thrown away
    """

    id: int
    site_id: int
    made_at: datetime
    made_by: int | None
    connection_id: int | None
    file: str
    digest: str
    system: str
    level: str
    state: str
    rows: int
    problems: list[Problem]
    notes: list[Problem]
    is_forced: bool
    place: int
    confirmed_at: datetime | None
    undone_at: datetime | None


class ImportDay(msgspec.Struct, frozen=True, kw_only=True):
    """What an import says of one day of one account."""

    account: str
    on: date
    load: int
    rows: int
    impressions: int
    clicks: int
    cost: Decimal
    original_cost: Decimal
    currency: str
    digest: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What confirming would do to one day: new, same, replaced or kept (what stands there is finer, and complete)."""

    day: ImportDay
    what: str
    held: ImportDay | None = None
    held_level: str = ""
    held_file: str = ""


def begin(
    db: Database, site: Site, file: str, digest: str, system: str, by: int | None = None, connection: int | None = None
) -> Import:
    """A new import, being read."""
    values = {
        "site_id": site.id, "made_at": clock.now(), "made_by": by, "connection_id": connection, "file": file[:300],
        "digest": digest, "system": system, "level": "", "state": "reading", "rows": 0, "problems": [], "notes": [],
        "is_forced": False, "place": 0, "confirmed_at": None, "undone_at": None,
    }  # fmt: skip
    with db.write() as c:
        number = int(c.execute(insert(t).values(**values)).inserted_primary_key[0])  # type: ignore[index]
    return import_of(db, site, number)


def import_of(db: Database, site: Site, number: int) -> Import:
    """One import of a site.

    raises   UserError (404) when there is none
    """
    with db.read() as c:
        row = c.execute(select(t).where(t.c.id == number, t.c.site_id == site.id)).mappings().first()
    if row is None:
        raise UserError("There is no such import.", "Look at the list of imports on the page Ads.", status=404)
    return _import(row)


def imports_of(db: Database, site: Site, most: int = 50) -> list[Import]:
    """The imports of a site, newest first; those that were thrown away are left out."""
    query = select(t).where(t.c.site_id == site.id, t.c.state != "dropped").order_by(t.c.id.desc()).limit(most)
    with db.read() as c:
        return [_import(row) for row in c.execute(query).mappings()]


def counting_already(db: Database, site: Site, digest: str) -> Import | None:
    """The import that holds this very file and counts, if there is one."""
    query = select(t).where(t.c.site_id == site.id, t.c.digest == digest, t.c.state.in_(COUNTING))
    with db.read() as c:
        row = c.execute(query.order_by(t.c.id.desc())).mappings().first()
    return _import(row) if row else None


def days_of(db: Database, import_: Import) -> list[ImportDay]:
    """What an import says, day by day."""
    with db.read() as c:
        rows = c.execute(select(d).where(d.c.import_id == import_.id).order_by(d.c.account, d.c.on)).mappings()
        return [_day(row) for row in rows]


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """What an import adds up to: its days and, by currency, its cost."""

    first: date | None = None
    last: date | None = None
    cost: Decimal = Decimal(0)


def sums_of(db: Database, imports: Iterable[Import]) -> dict[int, Sums]:
    """The span and the cost, in the site's currency, of several imports."""
    ids = [one.id for one in imports]
    with db.read() as c:
        spans = c.execute(select(d.c.import_id, func.min(d.c.on), func.max(d.c.on)).where(d.c.import_id.in_(ids))
                          .group_by(d.c.import_id)).all()  # fmt: skip
        costs: dict[int, Decimal] = defaultdict(Decimal)
        for number, cost in c.execute(select(d.c.import_id, d.c.cost).where(d.c.import_id.in_(ids))):
            costs[number] += Decimal(cost)
    return {number: Sums(first=first, last=last, cost=costs[number]) for number, first, last in spans}


def refuse(ctx: Context, site: Site, import_: Import, problems: Sequence[Problem]) -> Import:
    """Keep of an import only what was wrong with it."""
    _forget_rows(ctx, site, import_)
    _note_state(ctx.database, import_, state="refused", problems=[msgspec.to_builtins(p) for p in problems])
    return import_of(ctx.database, site, import_.id)


def outcomes(db: Database, site: Site, import_: Import, is_forced: bool = False) -> list[Outcome]:
    """What confirming this import would do, day by day."""
    days = {(day.account, day.on): day for day in days_of(db, import_)}
    standing = _standing(db, site, import_.system, days)
    outcomes = []
    for key, day in days.items():
        loads = [load for _, _, load in standing.get(key, [])]
        before = winner(loads)
        after = better_of(before, _load(day, import_.level, is_forced))
        one = next(((i, x) for i, x, load in standing.get(key, []) if before and load.load == before.load), None)
        what = "new"
        if before is not None and one is not None:
            is_same = one[1].digest == day.digest and one[0].level == import_.level
            what = "kept" if after.load == before.load else "same" if is_same else "replaced"
        outcomes.append(
            Outcome(day=day, what=what, held=one[1] if one else None, held_level=one[0].level if one else "",
                    held_file=one[0].file if one else "")
        )  # fmt: skip
    return outcomes


def confirm(ctx: Context, site: Site, import_: Import, is_forced: bool = False, by: int | None = None) -> Import:
    """Make a staged import count, for the days that it wins. All of them at once, whatever happens in between.

    is_forced   take it also where what stands there is finer or holds more
    raises      UserError when it is not staged, or holds nothing
    """
    with ctx.database.write() as c:
        values = {"state": "confirmed", "place": time.time_ns(), "is_forced": is_forced, "confirmed_at": clock.now()}
        done = c.execute(update(t).where(t.c.id == import_.id, t.c.state == "staged").values(**values))
        if not done.rowcount:
            raise UserError("This import is not waiting to be confirmed.", "Load the page again.", status=409)
        note(c, site.workspace_id, by, "ads.imported", import_.file, system=import_.system, rows=import_.rows)
    return settle(ctx, site, import_of(ctx.database, site, import_.id))


def undo(ctx: Context, site: Site, import_: Import, by: int | None = None) -> Import:
    """Take an import back: each of its days falls back to what counted without it.

    raises   UserError when it does not count
    """
    with ctx.database.write() as c:
        counts = (t.c.id == import_.id, t.c.state.in_(COUNTING))
        if not c.execute(update(t).where(*counts).values(state="undoing", undone_at=clock.now())).rowcount:
            raise UserError(
                "This import does not count, so it cannot be taken back.", "Load the page again.", status=409
            )
        note(c, site.workspace_id, by, "ads.import_undone", import_.file, system=import_.system, rows=import_.rows)
    return settle(ctx, site, import_of(ctx.database, site, import_.id))


def settle(ctx: Context, site: Site, import_: Import) -> Import:
    """Let the event store follow what was decided about an import. Done again after a crash, it does no harm.

    One block of `ad_loads` switches all days of the import at once.
    """
    with _settling:
        days = {(day.account, day.on): day for day in days_of(ctx.database, import_)}
        standing = _standing(ctx.database, site, import_.system, days)
        version, rows = time.time_ns(), []
        for account, on in days:
            won = winner(load for _, _, load in standing.get((account, on), []))
            begins, ends = moment_on(on, site), moment_on(on + timedelta(days=1), site)
            rows.append((site.id, import_.system, account, on, begins, ends, won.load if won else 0, version))
        names = ("site", "system", "account", "on", "begins", "ends", "load", "version")
        if rows:
            ctx.warehouse.insert("ad_loads", dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    ctx.look_again()
    _note_state(
        ctx.database, import_, state={"confirmed": "loaded", "undoing": "undone"}.get(import_.state, import_.state)
    )
    return import_of(ctx.database, site, import_.id)


def has_foreign(db: Database) -> bool:
    """Whether a report in another currency was brought, or one was refused, maybe for lack of a rate."""
    foreign = (
        select(d.c.import_id)
        .join(t, t.c.id == d.c.import_id)
        .join(sites, sites.c.id == t.c.site_id)
        .where(d.c.currency != sites.c.currency)
    )
    refused = select(t.c.id).where(t.c.state == "refused", t.c.made_at > clock.now() - STAGED_FOR * 7)
    with db.read() as c:
        return c.execute(foreign.limit(1)).first() is not None or c.execute(refused.limit(1)).first() is not None


def unsettled(db: Database) -> list[tuple[int, int]]:
    """Site and number of imports that were decided on, but a crash came before the event store followed."""
    with db.read() as c:
        rows = c.execute(select(t.c.site_id, t.c.id).where(t.c.state.in_(("confirmed", "undoing"))))
        return [(row.site_id, row.id) for row in rows]


def drop_old(ctx: Context, known: Mapping[int, Site]) -> int:
    """Throw away what was staged and never confirmed, and what is left of imports that were cut off."""
    old = (t.c.state.in_(("staged", "reading")), t.c.made_at < clock.now() - STAGED_FOR)
    with ctx.database.read() as c:
        imports = [_import(row) for row in c.execute(select(t).where(*old)).mappings()]
    for import_ in imports:
        if import_.site_id in known:
            drop(ctx, known[import_.site_id], import_)
    return len(imports)


def drop(ctx: Context, site: Site, import_: Import) -> None:
    """Throw away an import that does not count."""
    _forget_rows(ctx, site, import_)
    _note_state(ctx.database, import_, state="dropped")


def keep_days(ctx: Context, site: Site, import_: Import, kept: set[Key]) -> None:
    """Let a staged import speak of these days only."""
    gone = [day for day in days_of(ctx.database, import_) if (day.account, day.on) not in kept]
    with ctx.database.write() as c:
        for day in gone:
            c.execute(d.delete().where(d.c.import_id == import_.id, d.c.account == day.account, d.c.on == day.on))
        left = import_.rows - sum(day.rows for day in gone)
        c.execute(update(t).where(t.c.id == import_.id).values(rows=left))
    if days := sorted({day.on for day in gone} - {on for _, on in kept}):
        _forget_rows(ctx, site, import_, days)


def _forget_rows(ctx: Context, site: Site, import_: Import, days: Sequence[date] | None = None) -> None:
    first = import_.id << SHIFT
    bound: dict[str, Any] = {"site": site.id, "first": first, "last": first + MOST_ACCOUNTS - 1}
    text = SQL["forget_load" if days is None else "forget_days"]
    ctx.warehouse.do(text, bound if days is None else {**bound, "days": list(days)})


def _standing(
    db: Database, site: Site, system: str, keys: Iterable[Key]
) -> dict[Key, list[tuple[Import, ImportDay, Load]]]:
    """All imports that count for these days, in the order of their confirmation."""
    wanted = set(keys)
    if not wanted:
        return {}
    days = [on for _, on in wanted]
    query: Select[Any] = (
        select(d, *(column.label(f"i_{column.name}") for column in t.c))
        .join(t, t.c.id == d.c.import_id)
        .where(
            t.c.site_id == site.id, t.c.system == system, t.c.state.in_(COUNTING), d.c.on.between(min(days), max(days))
        )
        .order_by(t.c.place)
    )
    found: dict[Key, list[tuple[Import, ImportDay, Load]]] = defaultdict(list)
    imports: dict[int, Import] = {}
    with db.read() as c:
        for row in c.execute(query).mappings():
            if (row["account"], row["on"]) not in wanted:
                continue
            import_ = imports.get(row["import_id"])
            if import_ is None:
                import_ = imports[row["import_id"]] = _import({c.name: row[f"i_{c.name}"] for c in t.c})
            day = _day(row)
            found[day.account, day.on].append((import_, day, _load(day, import_.level, import_.is_forced)))
    return found


def _load(day: ImportDay, level: str, is_forced: bool) -> Load:
    return Load(load=day.load, level=level, cost=day.original_cost, rows=day.rows, is_forced=is_forced)


def _note_state(db: Database, import_: Import, **values: Any) -> None:
    with db.write() as c:
        c.execute(update(t).where(t.c.id == import_.id).values(**values))


def _import(row: RowMapping | Mapping[str, Any]) -> Import:
    facts = {name: row[name] for name in Import.__struct_fields__}
    for name in ("problems", "notes"):
        facts[name] = msgspec.convert(facts[name], list[Problem])
    return Import(**facts)


def _day(row: RowMapping | Mapping[str, Any]) -> ImportDay:
    facts = {name: row[name] for name in ImportDay.__struct_fields__}
    return ImportDay(**{**facts, "cost": Decimal(facts["cost"]), "original_cost": Decimal(facts["original_cost"])})
