"""Loads of ad reports: written beside what counts, checked, made to count as a whole, and taken back as a whole."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import RowMapping, Select, func, insert, select, update

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.accounts.tables import sites
from tandem.ads.model import (
    LEVELS,
    MOST_KNOWN,
    AdDay,
    Known,
    Load,
    Problem,
    better_of,
    origin_of,
    same_name,
    same_term,
    winner,
)
from tandem.ads.tables import ad_import_days as d
from tandem.ads.tables import ad_imports as t
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.warehouse import Step, Warehouse, sql_text, steps_of, tabbed
from tandem.core.context import Context
from tandem.rates.model import converted
from tandem.rates.store import rates_of

HERE = Path(__file__).parent
SHIFT = 12
COLUMNS = (
    "site", "on", "at", "load", "system", "account", "level", "channel", "source", "medium", "campaign",
    "campaign_key", "campaign_id", "ad_group", "ad_group_id", "ad", "ad_id", "term", "term_key", "term_id",
    "impressions", "clicks", "cost", "original_cost", "currency", "platform_conversions",
)  # fmt: skip
MOST_ACCOUNTS = 1 << SHIFT
PLACES = Decimal("0.0001")
STAGED_FOR = timedelta(days=1)
BLOCK_BYTES = 2_500_000
"""Some ten thousand rows: fewer are more parts to merge, more take more memory."""
COUNTING = ("confirmed", "loaded")
_settling = threading.Lock()

Key = tuple[str, date]


def schema() -> list[Step]:
    """The tables and views of this slice in the event store."""
    return steps_of("ads", HERE / "schema")


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


# ── rows in ──


class Staging:
    """Writes the rows of one import beside what counts. Nothing of it is seen before `confirm`."""

    def __init__(self, ctx: Context, site: Site, import_: Import) -> None:
        self._warehouse, self._site, self._import = ctx.warehouse, site, import_
        self._rates = rates_of(ctx.database, since=None)
        self._origins = visit_origins(ctx.warehouse, site)
        self._rate = Known(self._between)
        self._days, self._loads = Known(self._day), Known(self._load)
        self._texts = Known(tabbed, MOST_KNOWN)
        self._named = Known(lambda name: f"{tabbed(name)}\t{tabbed(same_name(name))}", MOST_KNOWN)
        self._channels = Known(self._origin)
        self._levels: set[str] = set()
        self._waiting, self._blocks = bytearray(), 0
        self.rows = self.impressions = self.clicks = 0
        self.cost = self.original_cost = Decimal(0)
        self.problems: dict[tuple[str, date], Problem] = {}

    @property
    def level(self) -> str:
        """The finest level seen."""
        return max(self._levels, key=LEVELS.index, default="campaign")

    def add(self, rows: Sequence[AdDay]) -> None:
        """Write rows, in blocks of some thousands.

        raises   UserError when there are more accounts than a load can hold
        """
        lines = self._lines(rows)
        if not self.problems:
            self._waiting += "".join(lines).encode("utf-8", "replace")
        if len(self._waiting) >= BLOCK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what still waits to be enough for a block."""
        if self._waiting and not self.problems:
            self._blocks += 1
            block = bytes(self._waiting)
            self._warehouse.insert_lines("ad_rows", COLUMNS, block, f"ads:{self._import.id}:{self._blocks}")
        self._waiting.clear()

    def _lines(self, rows: Sequence[AdDay]) -> list[str]:
        """The rows as lines of COLUMNS. Kept short of calls: this is done a million times."""
        lines, costs, originals = list[str](), list[Decimal](), list[Decimal]()
        text, named, channels = self._texts, self._named, self._channels
        days, loads, rates = self._days, self._loads, self._rate
        for r in rows:
            term = tabbed(r.term) if r.term else ""
            original = r.cost.quantize(PLACES, ROUND_HALF_EVEN)
            rate = rates[r.currency, r.on]
            cost = converted(original, rate) if rate else original
            costs.append(cost)
            originals.append(original)
            level = "keyword" if r.term or r.term_id else _level(r)
            origin = channels[r.campaign, r.campaign_id, r.kind, r.source, r.medium]
            lines.append(
                f"{days[r.on]}\t{loads[r.account]}\t{level}\t{origin}\t{named[r.campaign]}\t{text[r.campaign_id]}"
                f"\t{text[r.ad_group]}\t{text[r.ad_group_id]}\t{text[r.ad]}\t{text[r.ad_id]}\t{term}\t{tabbed(same_term(r.term))}"
                f"\t{text[r.term_id]}\t{r.impressions}\t{r.clicks}\t{cost}\t{original}\t{text[r.currency]}"
                f"\t{r.platform_conversions:f}\n"
            )
            self._levels.add(level)
        self.rows += len(rows)
        self.impressions += sum([r.impressions for r in rows])
        self.clicks += sum([r.clicks for r in rows])
        self.cost += sum(costs)
        self.original_cost += sum(originals)
        return lines

    def _between(self, key: tuple[str, date]) -> tuple[Decimal, Decimal] | None:
        currency, on = key
        found = self._rates.between(currency, self._site.currency, on)
        if found is None:
            values = {"currency": currency, "into": self._site.currency, "on": on.isoformat()}
            self.problems[key] = Problem(code="no_rate", values=values)
        return found

    def _load(self, account: str) -> str:
        number = len(self._loads)
        if number >= MOST_ACCOUNTS:
            raise UserError("The report holds more than 4,096 accounts.", "Export them in parts.")
        return f"{(self._import.id << SHIFT) | number}\t{self._import.system}\t{tabbed(account)}"

    def _day(self, on: date) -> str:
        return f"{self._site.id}\t{on.isoformat()}\t{_moment(on, self._site, 12).timestamp():.0f}.000"

    def _origin(self, known: tuple[str, str, str, str, str]) -> str:
        """As the rules put visits of this campaign, by its name or id; else by the system and the campaign's type."""
        campaign, campaign_id, kind, source, medium = known
        system = self._import.system
        keys = ((system, same_name(campaign)), (system, same_name(campaign_id)))
        seen = next((self._origins[key] for key in keys if key[1] and key in self._origins), None)
        words = seen or origin_of(system, kind)
        return "\t".join(map(tabbed, (words[0], source or words[1], medium or words[2])))


def _level(row: AdDay) -> str:
    if row.term or row.term_id:
        return "keyword"
    if row.ad or row.ad_id:
        return "ad"
    if row.ad_group or row.ad_group_id:
        return "group"
    return "campaign" if row.campaign or row.campaign_id else "account"


def _moment(on: date, site: Site, hour: int = 0) -> datetime:
    return datetime.combine(on, clock_time(hour), site.tz).astimezone(UTC)


def visit_origins(warehouse: Warehouse, site: Site) -> dict[tuple[str, str], tuple[str, str, str]]:
    """Channel, source and medium that visits of each campaign have, by ad system and campaign as compared."""
    bound = {"site": site.id}
    rows = warehouse.ask(sql_text(HERE / "sql" / "visit_origins.sql"), bound).rows
    return {(system, key): (channel, source, medium) for system, key, channel, source, medium in rows}


# ── imports ──


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


def stage(
    ctx: Context, site: Site, import_: Import, staging: Staging, notes: Sequence[Problem] = (), level: str = "",
    covered: Iterable[date] = (), account: str = "",
) -> Import:  # fmt: skip
    """Note what was written, once its sums are right. It still counts for nothing.

    level     what kind of report it is, where that is known; else the finest level seen
    covered   days of `account` that the report tells of, also those without any row
    """
    staging.flush()
    first = import_.id << SHIFT
    bound = {"site": site.id, "first": first, "last": first + MOST_ACCOUNTS - 1}
    text = sql_text(HERE / "sql" / "load_days.sql")
    told_by_day = ctx.warehouse.ask(text, bound, max_threads=1, max_block_size=8192)  # one thread: memory before speed
    import_days = [ImportDay(**dict(zip(told_by_day.names, row, strict=True))) for row in told_by_day.rows]
    told = (staging.rows, staging.impressions, staging.clicks, staging.cost, staging.original_cost)
    kept = tuple(
        sum(getattr(day, name) for day in import_days)
        for name in ("rows", "impressions", "clicks", "cost", "original_cost")
    )
    if told != kept:
        raise RuntimeError(f"the event store holds {kept} of import {import_.id}, which has {told}")
    known = {day.on for day in import_days}
    empty = [
        ImportDay(account=account, on=on, load=first, rows=0, impressions=0, clicks=0, cost=Decimal(0),
                  original_cost=Decimal(0), currency=site.currency, digest="")
        for on in sorted(set(covered) - known)
    ]  # fmt: skip
    with ctx.database.write() as c:
        rows = [{"import_id": import_.id, **_texts(day)} for day in (*import_days, *empty)]
        if rows:
            c.execute(insert(d), rows)
        c.execute(
            update(t).where(t.c.id == import_.id).values(
                state="staged", rows=staging.rows, level=level or staging.level,
                notes=[msgspec.to_builtins(p) for p in notes],
            )
        )  # fmt: skip
    return import_of(ctx.database, site, import_.id)


# ── what counts ──


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
            begins, ends = _moment(on, site), _moment(on + timedelta(days=1), site)
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
    text = sql_text(HERE / "sql" / ("forget_load.sql" if days is None else "forget_days.sql"))
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


def _texts(day: ImportDay) -> dict[str, Any]:
    facts = {name: getattr(day, name) for name in ImportDay.__struct_fields__}
    return {**facts, "cost": str(day.cost), "original_cost": str(day.original_cost), "account": day.account[:200]}
