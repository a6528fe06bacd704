"""Reads and writes of events, visits, goals and salts; the only caller of the two databases in this slice."""

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.warehouse import Step, Warehouse, in_utc, steps_of
from tandem.collect import tables as t
from tandem.collect.ingest import Salts, overlaps, yesterday_of
from tandem.collect.model.agents import agent_id, agent_of
from tandem.collect.model.goal import Goal, checked_goal, main_by_orders
from tandem.collect.model.long_visit import LastVisit, goes_on
from tandem.collect.model.origins import Origin, conclude
from tandem.collect.model.rules import RULES_VERSION, Rules

HERE = Path(__file__).parent
Columns = Mapping[str, Sequence[Any]]
ANYBODY, SERVER = 0, -1
"""In place of a visitor: whichever browser, whichever visitor a server names."""
SERVERS_BIT = 1 << 63
"""What parts the id of a server's event from that of the same event of a browser."""


def _sql(name: str) -> str:
    return (HERE / "sql" / f"{name}.sql").read_text()


DERIVE, SPANS = _sql("derive_visits"), _sql("stale_spans")
GOES_ON, EXTEND = _sql("goes_on"), _sql("extend_visit")
READ_TOGETHER = 32 << 20
"""Bytes of events that one statement derives visits from, where more than one visitor has sent so much."""
NEVER = datetime(2200, 1, 1, tzinfo=UTC)
"""In place of the start of a chain that began before what is read."""
LONG, MOST_NEW = 10_000, 2_000
"""From how many facts on a visit is lengthened where that is possible, and by how many at once.

Deriving a shorter visit costs less. TRAP: the engine copies a value as often as a statement names it: 20,000 new facts
take twenty times as long as 5,000.
"""


def schema() -> list[Step]:
    """The tables and views of this slice in the event store."""
    return steps_of("collect", HERE / "schema")


# ── facts in ──


def add_events(warehouse: Warehouse, columns: Columns, token: str) -> int:
    """Put facts into the store; the same token a second time does nothing."""
    return warehouse.insert("events", columns, token)


def add_origins(warehouse: Warehouse, site: Site, origins: Mapping[int, Origin], rules: Rules) -> None:
    """Note what the rules make of these referrers and tags."""
    own = site.names
    rows: list[tuple[Any, ...]] = []
    for key, origin in origins.items():
        c = conclude(origin, own, rules)
        rows.append(
            (
                site.id,
                key,
                RULES_VERSION,
                *msgspec.structs.astuple(origin),
                int(c.is_touch),
                c.channel,
                c.source,
                c.medium,
                c.campaign,
                c.term,
                c.content,
            )
        )
    names = (
        "site",
        "origin",
        "rules",
        "referrer_host",
        "referrer_path",
        "tag_source",
        "tag_medium",
        "tag_campaign",
        "tag_term",
        "tag_content",
        "click",
        "is_touch",
        "channel",
        "source",
        "medium",
        "campaign",
        "term",
        "content",
    )
    if rows:
        warehouse.insert("origins", dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def add_agents(warehouse: Warehouse, agents: Mapping[int, str]) -> None:
    """Note what the rules make of these user agents."""
    rows = []
    for key, text in agents.items():
        a = agent_of(text)
        rows.append(
            (key, RULES_VERSION, text, a.browser, a.browser_version, a.os, a.os_version, a.device, a.bot, a.bot_name)
        )
    names = (
        "agent",
        "rules",
        "user_agent",
        "browser",
        "browser_version",
        "os",
        "os_version",
        "device",
        "bot",
        "bot_name",
    )
    if rows:
        warehouse.insert("agents", dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def add_ingestion(warehouse: Warehouse, counts: Mapping[tuple[int, date, str], int], batch: str) -> None:
    """Add what a batch brought to the ledger of reception; once a batch."""
    if not counts:
        return
    keys = list(counts)
    warehouse.insert(
        "reception",
        {
            "site": [k[0] for k in keys],
            "on": [k[1] for k in keys],
            "outcome": [k[2] for k in keys],
            "count": [counts[k] for k in keys],
            "batch": [batch] * len(keys),
        },
        token=batch,
    )


def stored_already(
    warehouse: Warehouse, site: Site, near: int, span: tuple[datetime, datetime], resent: Sequence[int],
    of_servers: Sequence[int] = (),
) -> tuple[frozenset[tuple[int, int]], dict[int, datetime]]:  # fmt: skip
    """Pairs (visitor, event id) that are stored already; with ANYBODY or SERVER for those that were sent before.

    And for what a server now tells of the same: visitor -> when the browser told it first, perhaps days ago.

    near         the batch of stale_visits that names the visitors to look at
    span         earliest and latest moment of the new facts
    resent       ids of events marked as retried: they may have come under another visitor id (the salt changes daily)
    of_servers   ids of events that a server sent
    """
    since, until = span[0] - timedelta(minutes=5), span[1] + timedelta(minutes=5)
    bound = {"site": site.id, "batch": near, "since": since, "until": until}
    found = {(r[0], r[1]) for r in warehouse.ask(_sql("stored_already"), bound).rows}
    twins: dict[int, datetime] = {}
    if resent or of_servers:
        of_browsers, asked = {key & ~SERVERS_BIT for key in of_servers}, set(resent)
        rows = warehouse.ask(_sql("known_ids"), {"site": site.id, "ids": sorted(of_browsers | asked)}).rows
        found |= {(SERVER if is_servers else ANYBODY, key) for key, is_servers, _, _ in rows if key in asked}
        for _, _, visitor, at in (row for row in rows if row[0] in of_browsers and not row[1]):
            twins[visitor] = min(in_utc(at), twins.get(visitor, in_utc(at)))
    return frozenset(found), twins


def take_back(warehouse: Warehouse, site: Site, keys: Sequence[tuple[int, int]]) -> None:
    """Take these facts (visitor, event id) out of the store again, where they are in it."""
    ids = sorted({key[1] for key in keys})
    asked = "select visitor, id from events where site = {site:UInt32} and id in {ids:Array(UInt64)}"
    found = {(row[0], row[1]) for row in warehouse.ask(asked, {"site": site.id, "ids": ids}).rows}
    if not (found := found & set(keys)):
        return
    ids = sorted({key[1] for key in found})
    # Whose facts these are is read from a table: the engine keeps the text of each deletion in a file.
    batch = mark_stale(warehouse, {visitor: datetime.now(UTC) for visitor, _ in found})
    local, on = ("_local", f" on cluster '{warehouse.cluster}'") if warehouse.cluster else ("", "")
    warehouse.do(
        f"alter table events{local}{on} delete where site = {site.id} and id in ({', '.join(map(str, ids))}) "
        f"and visitor in (select visitor from stale_visits{local} where batch = {batch})",
        mutations_sync=2,
        max_execution_time=0,
        max_query_size=1 << 30,
        # TRAP: a cluster's engine refuses a deletion that asks another table, unless it is told to allow it.
        allow_nondeterministic_mutations=1,
    )


Span = tuple[datetime, datetime]


def active_spans(warehouse: Warehouse, site: Site, visitors: Sequence[int], received: int) -> dict[int, list[Span]]:
    """When these visitors were active: first and last moment of their visits since the day before `received` (ms)."""
    bound = {"site": site.id, "visitors": list(visitors), "since": clock.from_ms(received - 2 * 86_400_000)}
    spans: dict[int, list[Span]] = {}
    for visitor, first, last in warehouse.ask(_sql("active_spans"), bound).rows:
        spans.setdefault(visitor, []).append((first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)))
    return spans


# ── the ledger of reception ──

HINT = "hint_"
"""How the ledger's words begin for claims that are not believed; they are no part of its sum."""


class IngestionDay(msgspec.Struct, frozen=True, kw_only=True):
    """What came in on a day (UTC) and what became of it: received = stored + duplicates + refused.

    hints   claims of who somebody is that are stored, but not believed, by reason
    """

    on: date
    stored: int
    duplicates: int
    erased: int
    refused: dict[str, int]
    in_store: int
    hints: dict[str, int] = {}

    @property
    def received(self) -> int:
        return self.stored + self.duplicates + sum(self.refused.values())

    @property
    def balance(self) -> int:
        """What the ledger says is stored, less what the store holds; 0 unless something is wrong."""
        return self.stored - self.erased - self.in_store


def reception(warehouse: Warehouse, site_id: int, since: date) -> list[IngestionDay]:
    """The ledger day by day, newest first. Site 0 is what named no known site."""
    bound = {"site": site_id, "since": since}
    outcomes: dict[date, dict[str, int]] = {}
    for on, outcome, count in warehouse.ask(_sql("reception_days"), bound).rows:
        outcomes.setdefault(on, {})[outcome] = count
    held = dict(warehouse.ask(_sql("stored_days"), bound).rows)
    return [
        IngestionDay(
            on=on,
            stored=of_day.pop("stored", 0) - of_day.pop("unstored", 0),  # counted first, put aside later
            duplicates=of_day.pop("duplicate", 0),
            erased=of_day.pop("erased", 0),
            hints={o.removeprefix(HINT): of_day.pop(o) for o in list(of_day) if o.startswith(HINT)},
            refused=of_day,
            in_store=held.get(on, 0),
        )
        for on in sorted(outcomes | held, reverse=True)
        for of_day in [outcomes.get(on, {})]
    ]


def newest_ingestion(warehouse: Warehouse) -> date | None:
    """The newest day of which the ledger tells; None when it is empty."""
    rows = warehouse.ask(_sql("newest_reception")).rows
    return rows[0][0] if rows and rows[0][1] else None


# ── visits out ──


def mark_stale(
    warehouse: Warehouse, since: Mapping[int, datetime], chains: Mapping[int, datetime] | None = None
) -> int:
    """Note whose visits are to be derived again and from when; returns the batch to name later.

    chains   when the chain began that is under way at `since`, where it began before
    """
    batch, visitors, chains = time.time_ns(), list(since), chains or {}
    columns: dict[str, list[Any]] = {
        "batch": [batch] * len(visitors),
        "visitor": visitors,
        "since": [since[v] for v in visitors],
        "chain_started": [chains.get(v, NEVER) for v in visitors],
    }
    warehouse.insert("stale_visits", columns)
    return batch


def derive_visits(
    warehouse: Warehouse, site: Site, near: int, first_at: Mapping[int, datetime], goals: Sequence[Goal],
    sizes: Mapping[int, int] = MappingProxyType({}),
) -> None:  # fmt: skip
    """Make the visits of these visitors anew, from the first visit that facts at `first_at` may belong to.

    near       the batch of stale_visits that says the same as `first_at`
    first_at   visitor -> moment of the earliest new fact
    sizes      visitor -> bytes of today's events, as far as they are known: those with very many are not read together
    """
    since, chains = dict(first_at), dict[int, datetime]()
    bound = {"batch": near, "site": site.id, "since": min(first_at.values())}
    spans = [VisitsNear(*row) for row in warehouse.ask(SPANS, bound).rows]
    version = _version_after(max((span.newest for span in spans), default=0))
    for span in spans:
        visitor = span.visitor
        if (moment := span.since.replace(tzinfo=UTC)) < since[visitor]:
            since[visitor] = moment
            if span.chain_started < span.since:  # else it begins with the facts that are read, if they still count
                chains[visitor] = span.chain_started.replace(tzinfo=UTC)
        if span.last[-1] >= LONG and _lengthen(
            warehouse, site, span, since[visitor], first_at[visitor], goals, version
        ):
            del since[visitor]
            chains.pop(visitor, None)
    for together in _read_together(since, sizes):
        spans_of = {visitor: since[visitor] for visitor in together}
        batch = near if spans_of == first_at else mark_stale(warehouse, spans_of, chains)
        _write_visits(warehouse, site, batch, min(spans_of.values()), goals, version)


def _read_together(visitors: Iterable[int], sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """Visitors in parts whose events fit into memory: deriving takes five to six times the bytes that it reads."""
    part, size = list[int](), 0
    for visitor in visitors:
        own = sizes.get(visitor, 0)
        if part and size + own > READ_TOGETHER:
            yield part
            part, size = [], 0
        part.append(visitor)
        size += own
    if part:
        yield part


def _version_after(newest: int) -> int:
    """The moment in nanoseconds; more than the newest version, should a clock that ran ahead have written that."""
    return max(time.time_ns(), newest + 2)  # a visit's row has the odd one, its removal the even one


class VisitsNear(NamedTuple):
    """What a visitor's new facts may touch; moments in UTC, without their zone.

    since           the first moment of the first visit near them, and when its chain began
    newest          the newest version of these visits
    others_ended    when the last of them ended, but for `last`; 1970 when there is no other
    last            the fields of a LastVisit
    """

    visitor: int
    since: datetime
    chain_started: datetime
    newest: int
    others_ended: datetime
    last: tuple[Any, ...]


def _lengthen(
    warehouse: Warehouse, site: Site, near: VisitsNear, since: datetime, first_at: datetime, goals: Sequence[Goal],
    version: int,
) -> bool:  # fmt: skip
    """Add this visitor's new facts to the last visit, if it is long and that is all that they change; else False.

    What is added is all that lies behind the end of the stored visit, not the facts of a batch: a batch that is loaded
    again after a crash finds them before that end, and the visits are derived anew.
    """
    last = LastVisit(*map(in_utc, near.last))
    is_last = near.others_ended.replace(tzinfo=UTC) < last.opened and last.ended < first_at
    if not is_last or not last.pageviews:  # a first page view would open the visit anew
        return False
    bound = {"site": site.id, "visitor": near.visitor, **last._asdict()}
    asked = {**bound, "since": since, "currency": site.currency, "most_new": MOST_NEW + 1}
    answer = warehouse.ask(GOES_ON, asked, max_threads=1)
    sums = dict(zip(answer.names, answer.rows[0], strict=True))
    fresh = sorted((in_utc(at), key, is_report, campaign) for at, key, is_report, campaign in sums.pop("fresh"))
    is_exact = sums.pop("held") == last.held and sums.pop("facts") == sums.pop("known")
    if not is_exact or not 0 < len(fresh) <= MOST_NEW or not goes_on(last, fresh, sums.pop("last_campaign")):
        return False
    last_at = fresh[-1][0]
    longest_ms = (last_at - last.opened) // timedelta(milliseconds=1) + 60_000
    sums["attention_ms"] = min(sums.pop("engaged_ms"), longest_ms)
    bound |= {**sums, "last_at": last_at, "version": version, "of": last.version, "goals": _patterns(goals)}
    # On a cluster the row comes here and goes to its shard, as all that is derived does.
    warehouse.do(EXTEND, bound, max_threads=1, parallel_distributed_insert_select=0)
    return True


def derive_all(warehouse: Warehouse, site: Site, first: int, last: int, goals: Sequence[Goal]) -> None:
    """Make all visits of the visitors with ids from `first` up to `last` anew."""
    batch = time.time_ns()
    warehouse.do(_sql("mark_all_stale"), {"batch": batch, "site": site.id, "first": first, "last": last})
    newest = warehouse.value(_sql("newest_version"), site=site.id, first=first, last=last)
    _write_visits(warehouse, site, batch, datetime(1970, 1, 1, tzinfo=UTC), goals, _version_after(int(newest)))


def conclude_again(warehouse: Warehouse, site: Site, rules: Rules) -> None:
    """Let the rules of now judge every referrer, tag and user agent that is known."""
    known = warehouse.ask(_sql("origins_known"), {"site": site.id}).rows
    add_origins(warehouse, site, {row[0]: Origin(*row[1:]) for row in known}, rules)
    add_agents(warehouse, dict(warehouse.ask(_sql("agents_known"), {"rules": RULES_VERSION}).rows))


def had_views(warehouse: Warehouse, site: Site, until: datetime) -> bool:
    """Whether a human viewed any page before this moment."""
    return bool(warehouse.value(_sql("had_views"), site=site.id, until=until))


def has_events(warehouse: Warehouse, site: Site) -> bool:
    """Whether anything has been stored of this site yet."""
    return bool(warehouse.value(_sql("has_events"), site=site.id))


def has_visits(warehouse: Warehouse, site: Site) -> bool:
    """Whether a human has visited this site yet: robots find a new address within minutes."""
    return bool(warehouse.value(_sql("has_visits"), site=site.id))


class SeenView(msgspec.Struct, frozen=True, kw_only=True):
    """A page view as the page of the first hour shows it."""

    at: datetime
    host: str
    page: str
    browser: str
    os: str
    device: str
    country: str
    city: str
    channel: str
    source: str
    bot_name: str


def newest_view(warehouse: Warehouse, site: Site, since: datetime, is_robot: bool = False) -> SeenView | None:
    """The latest page view of a human since a moment, or of a robot; None without one."""
    rows = warehouse.rows(_sql("newest_view"), SeenView, site=site.id, since=since, is_robot=int(is_robot))
    return rows[0] if rows else None


def visitor_ranges(parts: int) -> list[tuple[int, int]]:
    """All visitor ids, parted into ranges of the same width; ids are hashes, so each holds about as many visitors."""
    width = 2**64 // parts
    return [(i * width, (i + 1) * width - 1 if i < parts - 1 else 2**64 - 1) for i in range(parts)]


def tidy(warehouse: Warehouse) -> None:
    """Merge what many small or repeated writes have left, so that reading needs no merging."""
    for table in ("events", "visit_rows", "origins", "agents"):
        name = f"{table}_local" if warehouse.cluster and table in ("events", "visit_rows") else table
        warehouse.do(f"optimize table {name} final")


def _write_visits(
    warehouse: Warehouse, site: Site, batch: int, since: datetime, goals: Sequence[Goal], version: int
) -> None:
    bound = {
        "batch": batch,
        "site": site.id,
        "since": since,
        "currency": site.currency,
        "version": version,
        "goals": _patterns(goals),
        "nameless": agent_id(""),
    }
    warehouse.do(DERIVE, bound)


def _patterns(goals: Sequence[Goal]) -> list[tuple[int, str, str]]:
    return [(g.id, g.kind, g.pattern) for g in goals]


# ── goals ──


class VisitOf(msgspec.Struct, frozen=True, kw_only=True):
    """A visit as a profile tells it."""

    at: datetime
    channel: str
    source: str
    campaign: str
    term: str
    entry: str
    exit: str
    pageviews: int


class GoalReached(msgspec.Struct, frozen=True, kw_only=True):
    """A goal as a profile tells it."""

    at: datetime
    goal: int
    page: str
    amount: Decimal


def visits_of(warehouse: Warehouse, site: Site, visitors: Sequence[int]) -> list[VisitOf]:
    """The latest 500 visits of these browsers."""
    return warehouse.rows(_sql("visits_of"), VisitOf, site=site.id, visitors=list(visitors))


def goals_reached(warehouse: Warehouse, site: Site, visitors: Sequence[int]) -> list[GoalReached]:
    """The latest 500 goals that these browsers reached."""
    return warehouse.rows(_sql("goals_of"), GoalReached, site=site.id, visitors=list(visitors))


def goals_of(db: Database, site: Site) -> list[Goal]:
    query = select(t.goals).where(t.goals.c.site_id == site.id, t.goals.c.is_active).order_by(t.goals.c.id)
    with db.read() as c:
        return [
            Goal(id=r.id, site_id=r.site_id, name=r.name, kind=r.kind, match=r.match, is_main=r.is_main)
            for r in c.execute(query)
        ]


_MAIN_GOALS: WeakKeyDictionary[Database, dict[int, tuple[float, tuple[int, ...]]]] = WeakKeyDictionary()
MAIN_GOALS_FRESH_S = 0.25
"""A page asks for them a dozen times. Whoever changes goals in this process sees it at once, others that much later."""


def main_goals(db: Database, site_id: int) -> tuple[int, ...]:
    """The ids of the goals that this site's conversions rest on."""
    kept = _MAIN_GOALS.setdefault(db, {})
    read_at, found = kept.get(site_id, (0.0, ()))
    if time.monotonic() - read_at > MAIN_GOALS_FRESH_S:
        read_at = time.monotonic()  # before reading: what changes meanwhile is read again in time
        with db.read() as c:
            found = _main_goals(c, site_id)
        kept[site_id] = read_at, found
    return found


def _main_goals(c: Connection, site_id: int) -> tuple[int, ...]:
    g = t.goals.c
    query = select(g.id).where(g.site_id == site_id, g.is_active, g.is_main).order_by(g.id)
    return tuple(c.execute(query).scalars())


NEEDS_MAIN = UserError("Conversions need a main goal.", "Make another goal main first.")


def choose_main(
    db: Database, site: Site, goal_id: int, is_main: bool, by: int | None = None, alone: bool = False
) -> None:
    """Let conversions rest on this goal, or make it a step. History needs no counting anew.

    alone    on this goal only: the others become steps

    raises   UserError for the only main goal: conversions need one; and for a goal that is not there
    """
    g = t.goals.c
    with db.write() as c:
        main = _main_goals(c, site.id)
        if not is_main and main == (goal_id,):
            raise NEEDS_MAIN
        done = c.execute(
            update(t.goals).where(g.id == goal_id, g.site_id == site.id, g.is_active).values(is_main=is_main)
        )
        if not done.rowcount:
            raise UserError("There is no such goal.", "Load the page again.", status=404)
        if is_main and alone:
            c.execute(update(t.goals).where(g.site_id == site.id, g.id != goal_id).values(is_main=False))
        was_main = goal_id in main
        if was_main != is_main:
            note(c, site.workspace_id, by, "goals.changed", str(goal_id), is_main={"from": was_main, "to": is_main})
    _MAIN_GOALS.pop(db, None)


def choose_main_by_orders(warehouse: Warehouse, db: Database, site: Site) -> Goal | None:
    """Make the goal main that orders reach, on a site where nobody has chosen one; None where there is none."""
    goals = goals_of(db, site)
    if not goals or any(g.is_main for g in goals):
        return None
    orders = dict(warehouse.ask(_sql("goals_with_orders"), {"site": site.id}).rows)
    if goal := main_by_orders(goals, orders):
        choose_main(db, site, goal.id, True)
    return goal


def add_goal(db: Database, site: Site, name: str, kind: str, match: str, by: int | None = None) -> Goal:
    """A new goal; a site's first is its main one. History is counted for it by deriving the visits again.

    raises   UserError when the name is taken or a field does not fit
    """
    checked_goal(name, kind, match)
    is_first = not goals_of(db, site)
    try:
        with db.write() as c:
            c.execute(
                insert(t.goals).values(
                    site_id=site.id,
                    name=name.strip(),
                    kind=kind,
                    match=match.strip(),
                    is_active=True,
                    is_main=is_first,
                    made_at=clock.now(),
                )
            )
            note(c, site.workspace_id, by, "goals.added", name, kind=kind, match=match)
    except IntegrityError as error:
        raise UserError("There is already a goal called “%(name)s”.", "Choose another name.", name=name) from error
    _MAIN_GOALS.pop(db, None)
    return next(g for g in goals_of(db, site) if g.name == name.strip())


def retire_goal(db: Database, site: Site, goal_id: int, by: int | None = None) -> None:
    """Stop counting a goal. Its name becomes free again.

    raises   UserError for the only main goal, where there are others that conversions could rest on
    """
    with db.write() as c:
        others = select(t.goals.c.id).where(t.goals.c.site_id == site.id, t.goals.c.is_active, t.goals.c.id != goal_id)
        if _main_goals(c, site.id) == (goal_id,) and c.execute(others).first() is not None:
            raise NEEDS_MAIN
        retired = c.execute(
            update(t.goals)
            .where(t.goals.c.id == goal_id, t.goals.c.site_id == site.id, t.goals.c.is_active)
            .values(is_active=False, name=t.goals.c.name + f" (retired {goal_id})")
        )
        if retired.rowcount:
            note(c, site.workspace_id, by, "goals.retired", str(goal_id))
    _MAIN_GOALS.pop(db, None)


# ── salts ──


def salts_of_today(db: Database, now: datetime | None = None) -> Salts:
    """Today's salt, made when first asked for; older ones are deleted, so that no id can be traced back."""
    moment = now or clock.now()
    today, yesterday = moment.date(), yesterday_of(moment.date())
    with db.read() as c:
        known = {r.on: bytes(r.salt) for r in c.execute(select(t.salts))}
    # A salt of a day to come was made by a clock that was wrong, and would otherwise stay until that day.
    tomorrow = today + timedelta(days=1)
    needs_cleaning = any(
        on < yesterday or (on == yesterday and not overlaps(moment.hour)) or on > tomorrow for on in known
    )
    if today not in known or needs_cleaning:
        known = _renewed_salts(db, today, yesterday if overlaps(moment.hour) else today)
    return Salts(today, known[today], known.get(yesterday, b"") if overlaps(moment.hour) else b"")


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
