"""Facts, and what the rules make of their referrers and user agents."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select

from tandem.accounts.model import Site
from tandem.accounts.tables import secrets
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.respelling import respell
from tandem.base.warehouse import Warehouse
from tandem.collect.model.agents import agent_of
from tandem.collect.model.hit import SERVERS
from tandem.collect.model.origins import Origin, conclude
from tandem.collect.model.rules import Rules, load_rules
from tandem.collect.store.common import SQL, Columns, in_parts
from tandem.collect.store.visits import mark_stale

ERASED = "erased"
ANYBODY, SERVER = 0, -1
"""In place of a visitor: whichever browser, whichever visitor a server names."""


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
                load_rules().version,
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
            (
                key,
                load_rules().version,
                text,
                a.browser,
                a.browser_version,
                a.os,
                a.os_version,
                a.device,
                a.bot,
                a.bot_name,
            )
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
    stored = {(r[0], r[1]) for r in warehouse.ask(SQL["stored_already"], bound).rows}
    twins: dict[int, datetime] = {}
    if resent or of_servers:
        of_browsers, asked = {key & ~SERVERS for key in of_servers}, set(resent)
        ids = in_parts(sorted(of_browsers | asked))
        rows = [row for part in ids for row in warehouse.ask(SQL["known_ids"], {"site": site.id, "ids": part}).rows]
        stored |= {(SERVER if is_servers else ANYBODY, key) for key, is_servers, _, _ in rows if key in asked}
        for _, _, visitor, at in (row for row in rows if row[0] in of_browsers and not row[1]):
            twins[visitor] = min(at, twins.get(visitor, at))
    return frozenset(stored), twins


def take_back(warehouse: Warehouse, site: Site, keys: Sequence[tuple[int, int]]) -> None:
    """Take these facts (visitor, event id) out of the store again, where they are in it."""
    for part in in_parts(keys):
        _take_back(warehouse, site, part)


def _take_back(warehouse: Warehouse, site: Site, keys: Sequence[tuple[int, int]]) -> None:
    ids = sorted({key[1] for key in keys})
    asked = "select visitor, id from events where site = {site:UInt32} and id in {ids:Array(UInt64)}"
    stored = {(row[0], row[1]) for row in warehouse.ask(asked, {"site": site.id, "ids": ids}).rows}
    if not (stored := stored & set(keys)):
        return
    ids = sorted({key[1] for key in stored})
    # Whose facts these are is read from a table: the engine keeps the text of each deletion in a file.
    batch = mark_stale(warehouse, {visitor: datetime.now(UTC) for visitor, _ in stored})
    local, on = "_local" if warehouse.cluster else "", warehouse.on_cluster
    warehouse.do(
        f"alter table events{local}{on} delete where site = {site.id} and id in ({', '.join(map(str, ids))}) "
        f"and visitor in (select visitor from stale_visits{local} where batch = {batch})",
        mutations_sync=2,
        max_query_size=1 << 30,
        # TRAP: a cluster's engine refuses a deletion that asks another table, unless it is told to allow it.
        allow_nondeterministic_mutations=1,
    )


Span = tuple[datetime, datetime]


def active_spans(warehouse: Warehouse, site: Site, visitors: Sequence[int], received: int) -> dict[int, list[Span]]:
    """When these visitors were active: first and last moment of their visits since the day before `received` (ms)."""
    bound = {"site": site.id, "since": clock.from_ms(received - 2 * 86_400_000)}
    spans: dict[int, list[Span]] = {}
    for part in in_parts(visitors):
        for visitor, first, last in warehouse.ask(SQL["active_spans"], {**bound, "visitors": part}).rows:
            spans.setdefault(visitor, []).append((first, last))
    return spans


def conclude_again(warehouse: Warehouse, site: Site, rules: Rules) -> None:
    """Let the rules of now judge every referrer, tag and user agent that is known."""
    rows = warehouse.ask(SQL["origins_known"], {"site": site.id}).rows
    add_origins(warehouse, site, {row[0]: Origin(*row[1:]) for row in rows}, rules)
    add_agents(warehouse, dict(warehouse.ask(SQL["agents_known"], {"rules": load_rules().version}).rows))


def respell_paths(warehouse: Warehouse, site: Site) -> int:
    """Give the paths of events of earlier versions their normal form; returns how many were written otherwise."""
    return respell(warehouse, "events", "path", is_sharded=True, site=site.id)


def had_views(warehouse: Warehouse, site: Site, until: datetime) -> bool:
    """Whether a human viewed any page before this moment."""
    return bool(warehouse.value(SQL["had_views"], site=site.id, until=until))


def has_events(warehouse: Warehouse, site: Site) -> bool:
    """Whether anything has been stored of this site yet."""
    return bool(warehouse.value(SQL["has_events"], site=site.id))


def has_visits(warehouse: Warehouse, site: Site) -> bool:
    """Whether a human has visited this site yet: robots find a new address within minutes."""
    return bool(warehouse.value(SQL["has_visits"], site=site.id))


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
    rows = warehouse.rows(SQL["newest_view"], SeenView, site=site.id, since=since, is_robot=int(is_robot))
    return rows[0] if rows else None


def visitor_ranges(parts: int) -> list[tuple[int, int]]:
    """All visitor ids, parted into ranges of the same width; ids are hashes, but for those that a sender made up."""
    width = 2**64 // parts
    return [(i * width, (i + 1) * width - 1 if i < parts - 1 else 2**64 - 1) for i in range(parts)]


def last_erasure(db: Database) -> str:
    """When facts were last erased, by whichever process: what was noted before may be gone; empty for never."""
    with db.read() as c:
        return c.execute(select(secrets.c.value).where(secrets.c.name == ERASED)).scalar() or ""


def note_erasure(db: Database) -> None:
    """Say that facts were erased: loaders note again what they have noted before."""
    with db.write() as c:
        c.execute(delete(secrets).where(secrets.c.name == ERASED))
        c.execute(insert(secrets).values(name=ERASED, value=clock.now().isoformat()))


def tidy(warehouse: Warehouse) -> None:
    """Merge what many small or repeated writes have left, so that reading needs no merging."""
    for table in ("events", "visit_rows", "origins", "agents"):
        name = f"{table}_local" if warehouse.cluster and table in ("events", "visit_rows") else table
        warehouse.do(f"optimize table {name} final")


def fixes(warehouse: Warehouse, site: Site, field: str) -> UserError | None:
    """Why a site's currency can change no more: amounts that came without one are in it."""
    if field != "currency" or not warehouse.value(SQL["has_amounts"], site=site.id):
        return None
    return UserError(
        "Orders that came without a currency are in %(currency)s.", "Add a new site with the other currency.", 409,
        currency=site.currency,
    )  # fmt: skip
