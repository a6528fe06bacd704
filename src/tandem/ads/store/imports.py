"""Imports of reports, and which of them counts on which day."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import RowMapping, Select, func, select, update

from tandem.accounts.model import Site
from tandem.accounts.tables import sites
from tandem.ads.model import PROBLEMS, AdLoad, better_of, winner
from tandem.ads.store.common import MOST_ACCOUNTS, SHIFT, SQL, Key, moment_on
from tandem.ads.tables import ad_import_days as d
from tandem.ads.tables import ad_imports as t
from tandem.base import clock
from tandem.base.database import WATCHED_S, Database
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.imports import store as life
from tandem.imports.problem import Problem, sentence
from tandem.imports.store import Imports

AREA = "ads"
STAGED_FOR = timedelta(days=1)
COUNTING = ("confirmed", "loaded")
FOLLOWED = {"confirmed": "loaded", "undoing": "undone"}
"""What an import is once the event store has followed."""


class AdImport(life.Import, frozen=True, kw_only=True):
    """One report that was brought: a file, or what an API gave. Beside the states of every import it may be

    confirmed   decided, about to count; loaded: it counts, for the days that it won
    undoing     taken back, about to stop counting; undone: taken back
    """

    level: str
    is_forced: bool


IMPORTS = Imports(
    t, AdImport, area=AREA, page=sentence("See the list of imports on the Ads page."), wording=PROBLEMS,
    counting=COUNTING, undone="undoing", staged_for=STAGED_FOR,
    forget_rows=lambda ctx, site, import_: _forget_rows(ctx, site, import_),
)  # fmt: skip
import_of, idle_import, imports_of = IMPORTS.of, IMPORTS.idle, IMPORTS.newest
counting_already, reading = IMPORTS.counting_already, IMPORTS.reading
drop, drop_old = IMPORTS.drop, IMPORTS.drop_old


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


class DayOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What confirming would do to one day: new, same, replaced or kept (what stands there is finer, and complete)."""

    day: ImportDay
    what: str
    existing: ImportDay | None = None
    existing_file: str = ""


def days_of(db: Database, import_: AdImport) -> list[ImportDay]:
    """What an import says, day by day."""
    with db.read() as c:
        rows = c.execute(select(d).where(d.c.import_id == import_.id).order_by(d.c.account, d.c.on)).mappings()
        return [_day(row) for row in rows]


def begin(
    db: Database, site: Site, file: str, digest: str, system: str, by: int | None = None, connection: int | None = None
) -> AdImport:
    """A new import, being read."""
    return IMPORTS.begin(db, site, file, digest, system, by, connection, level="", is_forced=False)


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """What an import adds up to: its days and, by currency, its cost."""

    first: date | None = None
    last: date | None = None
    cost: Decimal = Decimal(0)


def sums_of(db: Database, imports: Iterable[AdImport]) -> dict[int, Sums]:
    """The span and the cost, in the site's currency, of several imports."""
    ids = [one.id for one in imports]
    with db.read() as c:
        spans = c.execute(select(d.c.import_id, func.min(d.c.on), func.max(d.c.on)).where(d.c.import_id.in_(ids))
                          .group_by(d.c.import_id)).all()  # fmt: skip
        costs: dict[int, Decimal] = defaultdict(Decimal)
        for number, cost in c.execute(select(d.c.import_id, d.c.cost).where(d.c.import_id.in_(ids))):
            costs[number] += Decimal(cost)
    return {number: Sums(first=first, last=last, cost=costs[number]) for number, first, last in spans}


def refuse(ctx: Context, site: Site, import_: AdImport, problems: Sequence[Problem]) -> AdImport:
    """Keep of an import only what was wrong with it."""
    refused = IMPORTS.note_refused(ctx.database, site, import_, problems)
    if refused.state == "refused":
        _forget_rows(ctx, site, import_)
    return refused


def outcomes(db: Database, site: Site, import_: AdImport, is_forced: bool = False) -> list[DayOutcome]:
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
            DayOutcome(day=day, what=what, existing=one[1] if one else None, existing_file=one[0].file if one else "")
        )  # fmt: skip
    return outcomes


def confirm(ctx: Context, site: Site, import_: AdImport, is_forced: bool = False, by: int | None = None) -> AdImport:
    """Make a staged import count, for the days that it wins. All of them at once, whatever happens in between.

    is_forced   take it also where what stands there is finer or holds more
    raises      UserError when it is not staged, or holds nothing; (503) when other work on the site's imports goes on
    """
    with ctx.database.turn(AREA, site.id, WATCHED_S):
        return settle(ctx, site, IMPORTS.note_confirmed(ctx.database, site, import_, by, is_forced=is_forced))


def undo(ctx: Context, site: Site, import_: AdImport, by: int | None = None) -> AdImport:
    """Take an import back: each of its days falls back to what counted without it.

    raises   UserError when it does not count
    """
    with ctx.database.turn(AREA, site.id, WATCHED_S):
        return settle(ctx, site, IMPORTS.note_undone(ctx.database, site, import_, by))


def settle(ctx: Context, site: Site, import_: AdImport) -> AdImport:
    """Let the event store follow what was decided about an import. Done again after a crash, it does no harm.

    One block of `ad_loads` switches all days of the import at once.
    """
    with ctx.database.turn(AREA, site.id):
        import_ = import_of(ctx.database, site, import_.id)  # what was decided last, maybe while this waited
        days = {(day.account, day.on): day for day in days_of(ctx.database, import_)}
        standing = _standing(ctx.database, site, import_.system, days)
        newest = ctx.warehouse.value(SQL["newest_choice"], site=site.id, system=import_.system)
        version, rows = clock.version_after(int(newest), clock.now_ns()), []
        for account, on in days:
            won = winner(load for _, _, load in standing.get((account, on), []))
            begins, ends = moment_on(on, site), moment_on(on + timedelta(days=1), site)
            rows.append((site.id, import_.system, account, on, begins, ends, won.load if won else 0, version))
        names = ("site", "system", "account", "on", "begins", "ends", "load", "version")
        if rows:
            ctx.warehouse.insert("ad_loads", dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
        if import_.state in FOLLOWED:
            IMPORTS.move(ctx.database, import_, (import_.state,), FOLLOWED[import_.state])
    ctx.look_again()
    return import_of(ctx.database, site, import_.id)


def fixes(db: Database, site: Site, field: str) -> UserError | None:
    """Why a site's zone or currency can change no more: costs are kept by the days of one and in the other."""
    if not IMPORTS.that_may_count(db, site):
        return None
    hint = sentence(
        "Undo or discard the imports on the Ads page, change this, then import the reports again; or add a new site."
    )
    if field == "zone":
        return UserError("Ad costs are stored by days of this time zone.", hint, 409)
    return UserError("Ad costs were converted into %(currency)s.", hint, 409, currency=site.currency)


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


def keep_days(ctx: Context, site: Site, import_: AdImport, days_kept: set[Key]) -> None:
    """Let a staged import speak of these days only."""
    gone = [day for day in days_of(ctx.database, import_) if (day.account, day.on) not in days_kept]
    with ctx.database.write() as c:
        for day in gone:
            c.execute(d.delete().where(d.c.import_id == import_.id, d.c.account == day.account, d.c.on == day.on))
        left = import_.rows - sum(day.rows for day in gone)
        c.execute(update(t).where(t.c.id == import_.id).values(rows=left))
    if days := sorted({day.on for day in gone} - {on for _, on in days_kept}):
        _forget_rows(ctx, site, import_, days)


def _forget_rows(ctx: Context, site: Site, import_: AdImport, days: Sequence[date] | None = None) -> None:
    first = import_.id << SHIFT
    bound: dict[str, Any] = {"site": site.id, "first": first, "last": first + MOST_ACCOUNTS - 1}
    text = SQL["forget_load" if days is None else "forget_days"]
    with ctx.database.beside_others():  # a backup has of both stores what is of one moment
        ctx.warehouse.do(text, bound if days is None else {**bound, "days": list(days)})


def _standing(
    db: Database, site: Site, system: str, keys: Iterable[Key]
) -> dict[Key, list[tuple[AdImport, ImportDay, AdLoad]]]:
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
    standing: dict[Key, list[tuple[AdImport, ImportDay, AdLoad]]] = defaultdict(list)
    imports: dict[int, AdImport] = {}
    with db.read() as c:
        for row in c.execute(query).mappings():
            if (row["account"], row["on"]) not in wanted:
                continue
            import_ = imports.get(row["import_id"])
            if import_ is None:
                import_ = imports[row["import_id"]] = IMPORTS.import_({c.name: row[f"i_{c.name}"] for c in t.c})
            day = _day(row)
            standing[day.account, day.on].append((import_, day, _load(day, import_.level, import_.is_forced)))
    return standing


def _load(day: ImportDay, level: str, is_forced: bool) -> AdLoad:
    return AdLoad(load=day.load, level=level, cost=day.original_cost, rows=day.rows, is_forced=is_forced)


def _day(row: RowMapping | Mapping[str, Any]) -> ImportDay:
    facts = {name: row[name] for name in ImportDay.__struct_fields__}
    return ImportDay(**{**facts, "cost": Decimal(facts["cost"]), "original_cost": Decimal(facts["original_cost"])})
