"""Erasing one person: from facts, conclusions, records, the spool, and the files under them."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tandem.accounts.model import Site
from tandem.app import SLICES
from tandem.base import progress
from tandem.base.errors import UserError
from tandem.base.warehouse import Warehouse, questions_in
from tandem.collect import health
from tandem.collect import store as collect
from tandem.collect.batches import Unread, forget_aside, unread_aside
from tandem.collect.model.hit import visitor_of_cookie
from tandem.connections import store as connections
from tandem.core.context import Context
from tandem.core.operations import ProgressReporter, site_of
from tandem.maintenance import cut_off, facts
from tandem.maintenance.mentions import mentions
from tandem.maintenance.unloaded import load_what_came_in
from tandem.people import store as people
from tandem.people.model.identifier import Identifier, read, region_of, visitor
from tandem.people.store import hints

SQL = questions_in(Path(__file__).parent / "sql")
PERSONAL = (*(column for s in SLICES for column in s.personal), ("stale_visits", "visitor"))
"""Tables and the columns that hold a person's keys; the last tells the others whom to erase."""
GONE_WITHIN_S = 60.0
ALONE_WITHIN_S = 120.0
KEYS_AT_ONCE = 5_000
"""So many fit into a statement: the engine reads 256 KB of it."""


def identifier_of(text: str) -> Identifier:
    """What names the person: a visitor's 16 hex digits, the value of a cookie, a phone, an e-mail, or `system:id`.

    raises   UserError when it is none of these
    """
    cookie = visitor_of_cookie(text)
    identifier = visitor(cookie[0]) if cookie is not None else read(text)
    if identifier is None:
        raise UserError(
            f"“{text[:60]}” does not identify a person.",
            "Give the 16 hex digits of a visitor, the value of the cookie _tdm, a phone with its country code, "
            "an e-mail, or a record of the CRM (bitrix24:412).",
        )
    return identifier


def nodes_of(
    ctx: Context, identifier: Identifier, sites: Sequence[Site], unproved: bool = False
) -> dict[str, list[tuple[int, str]]]:
    """Every key of the person on each of these sites: browsers, phones, e-mails, records.

    unproved   what only a browser's claim of before 0.2 joined, too; else that is taken for somebody else's
    """
    nodes = {}
    for site in sites:
        node = people.key_of(ctx, site, identifier)
        if unproved:
            nodes[site.key] = people.nodes_of(ctx, site, people.person_of(ctx, site, node))
        else:
            nodes[site.key] = people.proved_nodes_of(ctx, site, node)
    return nodes


class Unreadable(msgspec.Struct):
    """What an erasure cannot open: waiting webhooks, and identifiers of the person that webhooks may name.

    has_others   whether people are known by another key: their hashes are others, so that a person is not found there
    """

    deliveries: int = 0
    identifiers: int = 0
    has_others: bool = False


class Found(NamedTuple):
    """Whom an erasure is about: the sites that are looked at, and the person's keys with their kinds on each.

    finished   what an erasure had erased that was cut off, and is finished now
    unread     what was put aside that nobody can read: it may be the person's
    waiting    by site, the webhooks that could not be worked on and speak of the person
    unreadable what was sealed with another key, so that nobody can say whether it is the person's: it stays
    """

    identifier: Identifier
    sites: list[Site]
    nodes: dict[str, list[tuple[int, str]]]
    finished: cut_off.Counts
    unread: Unread
    waiting: dict[str, list[int]]
    unreadable: Unreadable

    @property
    def deliveries(self) -> list[int]:
        return [number for numbers in self.waiting.values() for number in numbers]

    @property
    def every(self) -> list[int]:
        return sorted({node for keys in self.nodes.values() for node, _ in keys})

    @property
    def mark(self) -> str:
        """Stands for exactly these keys and files, so that what is agreed to is what is erased."""
        about = f"{sorted(self.nodes.items())} {self.unread} {sorted(self.deliveries)}"
        return hashlib.sha256(about.encode()).hexdigest()[:16]


@contextmanager
def _found(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> Iterator[Found]:
    """Load what came in, conclude from it, and find the person, of whom nobody writes anything while this lasts."""
    progress.for_good()  # whoever asks may go now: an erasure that was begun is finished
    identifier, site = identifier_of(args["person"]), site_of(ctx, args.get("site") or "")
    tell(0.0, "loading received events")
    if left := load_what_came_in(ctx):
        raise UserError(f"{left[0]} has events that its collector does not release.", "Restart that collector.")
    for settle in (s.settle for s in SLICES):
        settle(ctx)
    finished = _finish(ctx) if cut_off.is_cut_off(ctx.config.folder) else []
    sites = [site] if site else list(ctx.sites().values())
    # TRAP: whoever has read of the person and writes afterwards brings them back; see test_erase_at_once.py.
    with ctx.database.alone(ALONE_WITHIN_S):
        for one in sites:
            people.stitch_all(ctx, one)
        nodes = nodes_of(ctx, identifier, sites, bool(args.get("unproved")))
        closed = Unreadable(has_others=any(ctx.vault.try_open(one) is None for one in people.any_sealed(ctx.database)))
        waiting = {one.key: _waiting(ctx, one, identifier, nodes[one.key], closed) for one in sites}
        yield Found(identifier, sites, nodes, finished, unread_aside(ctx.config.folder / "spool"), waiting, closed)


def _waiting(
    ctx: Context, site: Site, identifier: Identifier, nodes: Sequence[tuple[int, str]], closed: Unreadable
) -> list[int]:
    """The deliveries of a site that nobody could work on, and that speak of this person; counts what is `closed`."""
    values = people.values_of(ctx, site, nodes, is_open=True)
    about = [identifier, *(Identifier(one.kind, one.text) for one in values if one.is_opened)]
    closed.identifiers += sum(one.is_sealed_otherwise for one in values)
    region, numbers = region_of(site), list[int]()
    for one in connections.all_waiting(ctx, site):
        if one.is_unreadable:
            closed.deliveries += 1
        elif mentions(one, about, region):
            numbers.append(one.id)
    return numbers


def preview(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
    """Whom and what `erase` with the same arguments would erase, and what it would leave; changes nothing.

    returns  per site that knows the person: identifiers (masked), counts of rows, and how many others stay because
             nobody proved that they are this person's, and of webhooks that could not be worked on; files that cannot
             be read, and would be deleted; what another key sealed, and stays; the mark
             that `erase` compares with; and what an erasure had erased that was cut off, and is finished now
    """
    with health.loading_paused(ctx, cut_off.HOLDER), _found(ctx, args, tell) as found:
        listed = [_listed(ctx, site, found) for site in found.sites]
    return {
        "sites": [one for one in listed if one is not None],
        "unread": msgspec.to_builtins(found.unread),
        "unreadable": msgspec.to_builtins(found.unreadable),
        "mark": found.mark,
        "finished": _summary(ctx, found.finished),
    }


def _listed(ctx: Context, site: Site, subject: Found) -> dict[str, Any] | None:
    nodes = subject.nodes[site.key]
    keys = [node for node, _ in nodes]
    holdings = dict(_answers(ctx.warehouse, "person_holdings", {"nodes": keys, "site": site.id}))
    counts = {what: holdings[what] for what in ("events", "visits", "calls", "deals")}
    has_person = people.is_known(ctx, site, people.key_of(ctx, site, subject.identifier))
    waiting = len(subject.waiting[site.key])
    if not has_person and not any(counts.values()) and not waiting:
        return None
    others = people.nodes_of(ctx, site, people.person_of(ctx, site, keys[0]))
    return {
        "site": site.key, "counts": counts, "waiting": waiting,
        "identifiers": [{"kind": k.kind, "text": k.text} for k in people.values_of(ctx, site, nodes)],
        "unproved": len({node for node, _ in others} - set(keys)),
        "hints": len({h.visitor for h in hints.hints_of(ctx, site, keys)} - set(keys)),
    }  # fmt: skip


def erase(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
    """Take every trace of the person `args["person"]` out of the stores, on one site or on all.

    args     person, site, unproved; mark: what `preview` gave, if somebody agreed to its list
    returns  how many events were erased, on which sites; the same of an erasure that was cut off and is finished now;
             files that nobody could read and are deleted; what another key sealed, so that it stays; and the backups
             that still hold the person
    raises   UserError (409) when more or less belongs to the person than in the list that was agreed to
             UserError (503) when those who write of persons do not come to an end
    """
    with health.loading_paused(ctx, cut_off.HOLDER):
        with _found(ctx, args, tell) as found:
            if args.get("mark") and args["mark"] != found.mark:
                raise UserError(
                    "The data of this person has changed since it was listed. Nothing was erased.",
                    "Run the command again and check the new list.", status=409,
                )  # fmt: skip
            tell(0.1, "erasing")
            counts, old = _taken_out(ctx, found, found.sites[0] if args.get("site") else None)
        tell(0.6, "waiting for the old files to be removed")
        is_gone = _files_gone(ctx.warehouse, old)
        left = found.unreadable.deliveries
        cut_off.end(ctx, counts, _events(found.finished), found.unread, len(found.deliveries), left)
    return {
        **_summary(ctx, counts), "finished": _summary(ctx, found.finished), "files_gone": is_gone,
        "unread": msgspec.to_builtins(found.unread), "waiting": len(found.deliveries),
        "unreadable": msgspec.to_builtins(found.unreadable),
        "backups": _backups(ctx.config.folder),
    }  # fmt: skip


def _taken_out(ctx: Context, found: Found, site: Site | None) -> tuple[cut_off.Counts, dict[str, set[str]]]:
    """Take the person out of both stores and the spool; returns how many events, and the parts as they were."""
    sites, every = found.sites, found.every
    nodes = {key: [node for node, _ in keys] for key, keys in found.nodes.items()}
    asked = {"nodes": every, "site": site.id if site else 0}
    answers = _answers(ctx.warehouse, "person_facts", asked)
    origins = _answers(ctx.warehouse, "person_origins", asked)
    agents = _answers(ctx.warehouse, "person_agents", asked)
    counts = [(number, on, events) for number, on, events in answers]
    cut_off.begin(ctx.config.folder, counts, found.unread)
    old = _erased(ctx.warehouse, every, site)
    old |= _forgotten(ctx.warehouse, origins, agents)
    collect.note_erasure(ctx.database)  # loaders remember which referrers and user agents they have noted
    cut_off.balance(ctx, counts, found.unread)
    connections.clear(ctx, found.deliveries)
    _out_of_records(ctx, sites, nodes)
    forget_aside(ctx.config.folder / "spool", every)
    for one in sites:  # whoever hung together with the person without being them is somebody by themselves now
        people.stitch_all(ctx, one)
    people.reload_maps(ctx.warehouse, is_whole=True)
    return counts, old


def _summary(ctx: Context, counts: cut_off.Counts) -> dict[str, Any]:
    return {"events": _events(counts), "sites": sorted({_key_of(ctx, site) for site, _, _ in counts})}


def _events(counts: cut_off.Counts) -> int:
    return sum(events for _, _, events in counts)


def _finish(ctx: Context) -> cut_off.Counts:
    """Finish an erasure that was cut off: of its referrers and user agents nobody remembers which they were."""
    origins, agents = (_answers(ctx.warehouse, question, {}) for question in ("orphan_origins", "orphan_agents"))
    old = _forgotten(ctx.warehouse, origins, agents)
    collect.note_erasure(ctx.database)
    counts = cut_off.finish(ctx)
    _files_gone(ctx.warehouse, {**old, "origins": set(), "agents": set()})
    return counts


def _erased(warehouse: Warehouse, nodes: Sequence[int], site: Site | None) -> dict[str, set[str]]:
    """Rewrite every part that holds the person; returns the parts as they were, by table."""
    # Whom to erase is read from a table, because the engine keeps the text of each deletion in a file.
    batch = collect.mark_stale(warehouse, {node: datetime(1970, 1, 1, tzinfo=UTC) for node in nodes})
    _, stale = facts.local_name(warehouse, "stale_visits")
    old: dict[str, set[str]] = {}
    for table, column in PERSONAL:
        _, local = facts.local_name(warehouse, table)
        old[local] = old.get(local, set()) | _parts(warehouse, local)
        only = f" and site = {site.id}" if site and table != "stale_visits" else ""
        where = f"{column} in (select visitor from {stale} where batch = {batch}){only}"
        # TRAP: a cluster's engine refuses a deletion that asks another table, unless it is told to allow it.
        _alter(warehouse, local, f"delete where {where}", allow_nondeterministic_mutations=1)
    return old


def _out_of_records(ctx: Context, sites: Sequence[Site], nodes: dict[str, list[int]]) -> None:
    for site in sites:
        for forget in (s.forget for s in SLICES):
            forget(ctx, site, nodes[site.key])
    ctx.database.forget_deleted()


def _forgotten(
    warehouse: Warehouse, origins: list[tuple[Any, ...]], agents: list[tuple[Any, ...]]
) -> dict[str, set[str]]:
    """Take away referrers, tags and user agents that nobody else brought; returns the parts as they were, by table."""
    old = {}
    for table, keys in (("origins", "site, origin"), ("agents", "agent")):
        rows = origins if table == "origins" else agents
        if rows:
            old[table] = _parts(warehouse, table)
        for i in range(0, len(rows), KEYS_AT_ONCE):
            listed = ", ".join(f"({', '.join(map(str, row))})" for row in rows[i : i + KEYS_AT_ONCE])
            _alter(warehouse, table, f"delete where ({keys}) in ({listed})")
    return old


def _answers(warehouse: Warehouse, question: str, asked: dict[str, Any]) -> list[tuple[Any, ...]]:
    return warehouse.ask(SQL[question], asked, max_execution_time=0).rows


def _alter(warehouse: Warehouse, table: str, what: str, **more: Any) -> None:
    warehouse.do(f"alter table {table}{warehouse.on_cluster} {what}", mutations_sync=2, **more)


def _parts(warehouse: Warehouse, table: str) -> set[str]:
    asked = "select name from system.parts where database = currentDatabase() and table = {table:String}"
    return {row[0] for row in warehouse.ask(asked, {"table": table}).rows}


def _files_gone(warehouse: Warehouse, old: dict[str, set[str]]) -> bool:
    """Make the engine take away the files of parts that were rewritten; whether it did so on this node."""
    for table in old:
        _alter(warehouse, table, "modify setting old_parts_lifetime = 0")
    asked = "select name from system.parts where database = currentDatabase() and table = {table:String} and not active"
    until, left = time.monotonic() + GONE_WITHIN_S, True
    while left and time.monotonic() < until:
        left = False
        for table in old:
            # TRAP: left alone, the engine tidies up within minutes; dropping a partition, even one that is not there,
            # makes it do so at once. See test_no_file_holds_an_erased_visitor.
            _alter(warehouse, table, "drop partition id '000000'")
            left = left or bool(warehouse.ask(asked, {"table": table}).rows)
        if left:
            time.sleep(0.1)
    for table in old:
        _alter(warehouse, table, "reset setting old_parts_lifetime")
    return not left


def _key_of(ctx: Context, site_id: int) -> str:
    return next((site.key for site in ctx.sites().values() if site.id == site_id), f"#{site_id}")


def _backups(folder: Path) -> list[str]:
    """Files in the data folder that are backups; they keep what they held."""
    return sorted(str(path) for path in (folder / "backups").glob("*") if path.is_file())
