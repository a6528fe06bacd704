"""Who is who: evidence and conclusions in the event store, sealed values and decisions in the record store."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert_postgresql
from sqlalchemy.dialects.sqlite import insert as upsert_sqlite

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.base import clock, progress
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.warehouse import Array, Step, Warehouse, sql_text, steps_of
from tandem.core.context import Context
from tandem.people.model.identifier import Identifier, Kind, Link, masked
from tandem.people.model.stitch import CLAIM, KINDS, Decisions, Links, Stitched, links_of, stitch
from tandem.people.tables import decisions as decided
from tandem.people.tables import identifiers

HERE = Path(__file__).parent
SQL = {path.stem: sql_text(path) for path in (HERE / "sql").glob("*.sql")}
MOST_NODES = 60_000
"""Identifiers that are concluded on by themselves; with more, everything is.

TRAP: the engine takes an array of more than 100,000 values for a list to walk through at each row, not for a set.
"""
SPARSE = {"max_block_size": 262_144, "preferred_block_size_bytes": 0}
"""For questions that find few rows in each of many granules: fewer, larger blocks, as each costs half a millisecond."""
MOST_NEWS = 500_000
"""Conclusions in the small map of persons, which is read with each batch; with more, the large one is read too."""
CONCLUDED = ("node", "whose", "is_shared")
UNPROVED = "site"
"""The source of evidence that browsers claimed before claims had to be signed."""
ACTS = ("together", "apart", "glue", "shared")


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody decided: two identifiers are one person (together) or not (apart), or one is (not) to glue."""

    id: int
    act: str
    a: int
    a_kind: str
    b: int
    b_kind: str
    made_by: int | None
    made_at: datetime
    undone_at: datetime | None


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """One identifier of a person, as its reader may see it."""

    node: int
    kind: str
    text: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Why two identifiers belong together. Source `site` is what browsers claimed before 0.2, which nobody proved."""

    a: int
    a_kind: str
    b: int
    b_kind: str
    source: str
    ref: str
    first_at: datetime

    @property
    def is_proved(self) -> bool:
        return self.source != UNPROVED

    @property
    def is_of_a_form(self) -> bool:
        """Whether a record without a contact told it, which a stranger can bring about by a public form."""
        return self.source == "crm" and {self.a_kind, self.b_kind} <= {Kind.PHONE, Kind.EMAIL}


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """An identifier went from one person to another."""

    node: int
    kind: str
    at: datetime
    was: int
    now: int


class SharedNode(msgspec.Struct, frozen=True, kw_only=True):
    """An identifier that so many others share that it tells nobody."""

    node: int
    kind: str
    neighbours: int
    last_at: datetime


class NewPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A person in the list of those we got to know last."""

    person: int
    last_at: datetime
    identifiers: list[tuple[str, int]]
    browsers: int


class ManyFaced(msgspec.Struct, frozen=True, kw_only=True):
    """A person of suspiciously many identifiers."""

    person: int
    identifiers: int
    browsers: int
    phones: int
    emails: int
    records: int


def schema() -> list[Step]:
    return steps_of("people", HERE / "schema")


# ── evidence ──


def key_of(ctx: Context, site: Site, identifier: Identifier) -> int:
    """The 64 bits that stand for an identifier in the event store: a browser's own, else a keyed hash."""
    if identifier.kind == Kind.VISITOR:
        return int(identifier.value, 16)
    return ctx.vault.mark(f"{site.id}:{identifier.kind}:{identifier.value}")


def record(ctx: Context, site: Site, links: Sequence[Link]) -> int:
    """Keep evidence that identifiers belong together; returns how many links were given.

    Values first, evidence after: cut in between, the same call again completes both. Twice changes nothing.
    """
    if not links:
        return 0
    keys = {end: key_of(ctx, site, end) for link in links for end in (link.a, link.b)}
    _keep_values(ctx, site, keys, min(link.at for link in links))
    ends = [_in_order((keys[link.a], link.a.kind), (keys[link.b], link.b.kind)) for link in links]
    _insert_links(
        ctx, site, ends, [link.source for link in links], [link.ref for link in links], [link.at for link in links]
    )
    return len(links)


def _insert_links(
    ctx: Context,
    site: Site,
    ends: Sequence[tuple[tuple[int, str], tuple[int, str]]],
    sources: list[str],
    refs: list[str],
    moments: list[datetime],
) -> None:
    ctx.warehouse.insert("identity_links", {
        "site": [site.id] * len(ends),
        "a": [a for (a, _), _ in ends], "a_kind": [kind for (_, kind), _ in ends],
        "b": [b for _, (b, _) in ends], "b_kind": [kind for _, (_, kind) in ends],
        "source": sources, "ref": refs, "at": moments,
    })  # fmt: skip
    _fresh(ctx).add(site, [key for end in ends for key, _ in end])


def remember_all(ctx: Context, site: Site, seen: Mapping[Identifier, datetime]) -> dict[Identifier, int]:
    """Keep the sealed values of many identifiers, each with when it was seen; returns their keys."""
    keys = {end: key_of(ctx, site, end) for end in seen}
    if keys:
        _keep_values(ctx, site, keys, min(seen.values()))
    return keys


class KeyLink(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence between a browser and an identifier that is remembered, by their keys."""

    visitor: int
    key: int
    kind: str
    at: datetime
    source: str
    ref: str


def record_keys(ctx: Context, site: Site, links: Sequence[KeyLink]) -> None:
    """Keep evidence about identifiers whose values are remembered already."""
    ends = [_in_order((link.visitor, str(Kind.VISITOR)), (link.key, link.kind)) for link in links]
    _insert_links(
        ctx, site, ends, [link.source for link in links], [link.ref for link in links], [link.at for link in links]
    )


def users_of_signatures(ctx: Context, site: Site, refs: Iterable[str], nodes: Iterable[int]) -> dict[str, int]:
    """Which browser used each of these signatures, which prove something of the identifiers `nodes`."""
    asked = {"site": site.id, "refs": sorted(refs), "nodes": sorted(nodes)}
    return {ref: int(browser) for ref, browser in ctx.warehouse.ask(SQL["signature_users"], asked).rows}


def _in_order(a: tuple[int, str], b: tuple[int, str]) -> tuple[tuple[int, str], tuple[int, str]]:
    return (a, b) if a <= b else (b, a)


def _keep_values(ctx: Context, site: Site, keys: dict[Identifier, int], at: datetime) -> None:
    """Keep the sealed values of identifiers that are not known yet."""
    wanted = {hexed(key): end for end, key in keys.items() if end.kind != Kind.VISITOR}
    known = set(_sealed(ctx.database, site, wanted))
    fresh = [(key, end) for key, end in wanted.items() if key not in known]
    if not fresh:
        return
    upsert = upsert_sqlite if ctx.database.is_sqlite else upsert_postgresql
    with ctx.database.write() as c:
        for part in progress.parts(fresh, 2_000):
            c.execute(upsert(identifiers).on_conflict_do_nothing(), [
                {"site_id": site.id, "key": key, "kind": end.kind, "sealed": ctx.vault.seal(end.value), "seen_at": at}
                for key, end in part
            ])  # fmt: skip


def _sealed(db: Database, site: Site, keys: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Kind and sealed value of those keys that are known."""
    wanted, found = list(keys), dict[str, tuple[str, str]]()
    with db.read() as c:
        for i in range(0, len(wanted), 500):
            query = select(identifiers.c.key, identifiers.c.kind, identifiers.c.sealed).where(
                identifiers.c.site_id == site.id, identifiers.c.key.in_(wanted[i : i + 500])
            )
            found |= {key: (kind, sealed) for key, kind, sealed in c.execute(query)}
    return found


def values_of(ctx: Context, site: Site, nodes: Sequence[tuple[int, str]], is_open: bool = False) -> list[Known]:
    """Identifiers as text: masked, or whole when `is_open` (the caller must hold the permission and note it)."""
    sealed = _sealed(ctx.database, site, [hexed(node) for node, kind in nodes if kind != Kind.VISITOR])
    found = []
    for node, kind in nodes:
        value = ctx.vault.open(sealed[hexed(node)][1]) if hexed(node) in sealed else hexed(node)
        is_value = hexed(node) in sealed
        found.append(Known(node=node, kind=kind, text=value if is_open or not is_value else masked(kind, value)))
    return found


def hexed(node: int) -> str:
    """A node as 16 hex digits, as addresses and the record store write it."""
    return f"{node:016x}"


# ── conclusions ──


class Fresh:
    """Identifiers that this process noted evidence about and has not yet concluded on. A start concludes on all."""

    def __init__(self) -> None:
        self._lock, self._nodes = threading.Lock(), dict[int, list[int]]()

    def add(self, site: Site, nodes: Iterable[int]) -> None:
        with self._lock:
            self._nodes.setdefault(site.id, []).extend(nodes)

    def take(self, site: Site) -> Array:
        """What has gathered; from now on others gather anew."""
        with self._lock:
            return np.unique(np.array(self._nodes.pop(site.id, []), np.uint64))


def stitch_new(ctx: Context, site: Site) -> int:
    """Conclude from what this process noted since the last time; returns how many identifiers changed their person."""
    nodes = _fresh(ctx).take(site)
    try:
        return restitch(ctx, site, nodes) if nodes.size else 0
    except BaseException:
        _fresh(ctx).add(site, nodes.tolist())
        raise


def _fresh(ctx: Context) -> Fresh:
    return ctx.state(Fresh)


def restitch(ctx: Context, site: Site, nodes: Array) -> int:
    """Conclude again on these identifiers and everything that hangs together with them.

    The circle grows until no link that glues leads out of it, so the answer is that of stitching everything.
    """
    decisions = _decisions(ctx.database, site)
    while nodes.size < MOST_NODES:
        companions = _companions(ctx.warehouse, site, nodes)
        nodes = _union(nodes, companions["node"])
        asked = {"site": site.id, "nodes": nodes, "kinds": list(KINDS)}
        found = ctx.warehouse.arrays(SQL["links_of"], Links._fields, asked, **SPARSE)
        answer = stitch(_links(found), decisions)
        inside = _among(nodes, answer.node)
        outside = answer.node[~inside]
        outside = outside[_among(np.sort(answer.person[inside]), answer.person[~inside])]
        if not outside.size:
            return _conclude(ctx.warehouse, site, _part(answer, inside), companions)
        nodes = _union(nodes, outside)
    return stitch_all(ctx, site)


def _links(found: dict[str, Array]) -> Links:
    return Links(
        found["a"], found["a_kind"].astype(np.int8), found["b"], found["b_kind"].astype(np.int8),
        found["doubt"].astype(np.int8),
    )  # fmt: skip


def _part(answer: Stitched, which: Array) -> Stitched:
    return Stitched(answer.node[which], answer.kind[which], answer.person[which], answer.is_shared[which])


def stitch_all(ctx: Context, site: Site) -> int:
    """Conclude from all evidence of a site; returns how many identifiers have another person now."""
    asked = {"site": site.id, "kinds": list(KINDS)}
    found = ctx.warehouse.arrays(SQL["all_links"], Links._fields, asked, max_execution_time=0)
    answer = stitch(_links(found), _decisions(ctx.database, site))
    known = ctx.warehouse.arrays(SQL["all_persons"], CONCLUDED, {"site": site.id}, max_execution_time=0)
    return _conclude(ctx.warehouse, site, answer, known, is_whole=True)


def _companions(warehouse: Warehouse, site: Site, nodes: Array) -> dict[str, Array]:
    """The identifiers that were concluded to be of the same persons as these, with those conclusions."""
    asked = {"site": site.id, "nodes": nodes}
    told = warehouse.arrays(SQL["companions"], (*CONCLUDED, "version"), asked, **SPARSE)
    order = np.lexsort((told["version"], told["node"]))
    node = told["node"][order]
    newest = order[np.append(node[1:] != node[:-1], True)[: node.size]]
    return {name: told[name][newest] for name in CONCLUDED}


def _conclude(
    warehouse: Warehouse, site: Site, answer: Stitched, known: dict[str, Array], is_whole: bool = False
) -> int:
    """Write down what differs from what was concluded before, with its history; returns how many moved."""
    is_known, whose, is_shared = _aligned(known, answer)
    gone = known["node"][~_among(answer.node, known["node"])]
    moved = is_known & (whose != answer.person)
    changed = moved | ~is_known | (is_shared != answer.is_shared)
    version = clock.now_ms()
    kinds = np.array(KINDS, object)
    nodes = np.concatenate([answer.node[changed], gone])
    rows = {
        "site": np.full(nodes.size, site.id, np.uint32), "node": nodes,
        "person": np.concatenate([answer.person[changed], gone]),
        "version": np.full(nodes.size, version, np.uint64),
    }  # fmt: skip
    # The news come first: what is in `person_rows` counts as known, and is not concluded on again after a crash.
    if not is_whole:
        _write(warehouse, "person_news_rows", nodes.size, rows)
    _write(warehouse, "person_rows", nodes.size, rows | {
        "kind": np.concatenate([kinds[answer.kind[changed]], np.full(gone.size, "", object)]),
        "is_shared": np.concatenate([answer.is_shared[changed].astype(np.uint8), np.zeros(gone.size, np.uint8)]),
    })  # fmt: skip
    count = int(moved.sum())
    _write(warehouse, "person_moves", count, {
        "site": np.full(count, site.id, np.uint32), "node": answer.node[moved],
        "kind": kinds[answer.kind[moved]], "at": [version] * count, "was": whose[moved], "now": answer.person[moved],
    })  # fmt: skip
    if nodes.size:
        reload_maps(warehouse, is_whole)
    return count


def _union(some: Array, others: Array) -> Array:
    """All keys of both, in order, each once. Three times as fast as numpy's own, which hashes them first."""
    keys = np.sort(np.concatenate([some, others]))
    return np.asarray(keys[np.append(keys[1:] != keys[:-1], True)[: keys.size]])


def _among(nodes: Array, keys: Array) -> Array:
    """Which keys are among the nodes, which are in order."""
    if not nodes.size:
        return np.zeros(keys.size, bool)
    return np.asarray(nodes[np.minimum(np.searchsorted(nodes, keys), nodes.size - 1)] == keys)


def _aligned(known: dict[str, Array], answer: Stitched) -> tuple[Array, Array, Array]:
    """What was concluded before, in the order of the new answer: whether anything was, the person, and if shared."""
    if not known["node"].size:
        nothing = np.zeros(answer.node.size, np.uint64)
        return nothing.astype(bool), nothing, nothing.astype(bool)
    order = np.argsort(known["node"])
    nodes = known["node"][order]
    place = order[np.minimum(np.searchsorted(nodes, answer.node), nodes.size - 1)]
    return known["node"][place] == answer.node, known["whose"][place], known["is_shared"][place].astype(bool)


def _write(warehouse: Warehouse, table: str, count: int, columns: dict[str, Any]) -> None:
    step = 1_000_000
    for i in range(0, count, step):
        warehouse.insert(table, {name: column[i : i + step] for name, column in columns.items()})


def reload_maps(warehouse: Warehouse, is_whole: bool = False) -> None:
    """Let the engine read the small map of persons again, on every node; when `is_whole`, the large one too."""
    on = f" on cluster '{warehouse.cluster}'" if warehouse.cluster else ""
    if is_whole or warehouse.value(SQL["count_news"]) > MOST_NEWS:
        before = clock.now_ms()
        warehouse.do(f"system reload dictionary{on} person_map")
        warehouse.do(SQL["forget_news"], {"version": before}, mutations_sync=2)
    warehouse.do(f"system reload dictionary{on} person_news")


# ── persons ──


def person_of(ctx: Context, site: Site, node: int) -> int:
    """The person of an identifier; who was never linked is a person of their own."""
    rows = ctx.warehouse.ask(SQL["known_persons"], {"site": site.id, "nodes": [node]}).rows
    return int(rows[0][1]) if rows else node


def is_known(ctx: Context, site: Site, node: int) -> bool:
    """Whether there is any evidence about this identifier."""
    return bool(ctx.warehouse.ask(SQL["known_persons"], {"site": site.id, "nodes": [node]}).rows)


def nodes_of(ctx: Context, site: Site, person: int) -> list[tuple[int, str]]:
    """The identifiers of a person: key and kind, by kind. A browser that was never linked is its own person."""
    asked = {"site": site.id, "persons": [person], "kinds": list(KINDS)}
    rows = ctx.warehouse.ask(SQL["nodes_of"], asked).rows
    known = sorted((int(nth), int(node)) for node, nth, _, _ in rows if nth)  # 0: it is linked with nothing any more
    return [(node, KINDS[nth - 1]) for nth, node in known] or [(person, str(Kind.VISITOR))]


def proved_nodes_of(ctx: Context, site: Site, node: int) -> list[tuple[int, str]]:
    """The identifiers that are proved to be the same person as this one: without those that only a claim joins."""
    every = nodes_of(ctx, site, person_of(ctx, site, node))
    keys = np.unique(np.array([key for key, _ in every] + [node], np.uint64))
    asked = {"site": site.id, "nodes": keys, "kinds": list(KINDS)}
    links = _links(ctx.warehouse.arrays(SQL["links_of"], Links._fields, asked, **SPARSE))
    proved = links.doubt != CLAIM
    answer = stitch(Links(*(column[proved] for column in links)), _decisions(ctx.database, site))
    mine = (
        set(answer.node[answer.person == answer.person[answer.node == node]].tolist())
        if node in answer.node
        else {node}
    )
    return [(key, kind) for key, kind in every if key in mine] or [(node, str(Kind.VISITOR))]


def browsers_of(ctx: Context, site: Site, nodes: Iterable[int]) -> dict[int, dict[int, set[str]]]:
    """For each identifier, the browsers of its person, and the sources of evidence that name both directly."""
    wanted, found = sorted({node for node in nodes if node}), dict[int, dict[int, set[str]]]()
    for i in range(0, len(wanted), 20_000):
        rows = ctx.warehouse.ask(SQL["browsers_of"], {"site": site.id, "nodes": wanted[i : i + 20_000]}).rows
        for node, browser, sources in rows:
            found.setdefault(int(node), {})[int(browser)] = set(sources)
    return found


def evidence_of(ctx: Context, site: Site, nodes: Sequence[int]) -> list[Evidence]:
    """Why these identifiers belong together, the oldest first."""
    return ctx.warehouse.rows(SQL["evidence"], Evidence, site=site.id, nodes=list(nodes))


def moves_of(ctx: Context, site: Site, nodes: Sequence[int]) -> list[Move]:
    """When these identifiers changed their person, the newest first."""
    return ctx.warehouse.rows(SQL["moves_of"], Move, site=site.id, nodes=list(nodes))


def shared_nodes(ctx: Context, site: Site) -> list[SharedNode]:
    """Identifiers that glue nobody, because too many share them: for review."""
    return ctx.warehouse.rows(SQL["shared"], SharedNode, site=site.id)


def newest_persons(ctx: Context, site: Site) -> list[NewPerson]:
    """Persons we know more of than a browser, the newest evidence first."""
    return ctx.warehouse.rows(SQL["newest_persons"], NewPerson, site=site.id)


def many_faced(ctx: Context, site: Site) -> list[ManyFaced]:
    """Persons of suspiciously many identifiers: for review."""
    return ctx.warehouse.rows(SQL["many_faced"], ManyFaced, site=site.id)


# ── decisions ──


def decide(
    ctx: Context, site: Site, act: str, a: tuple[int, str], b: tuple[int, str] = (0, ""), by: int | None = None
) -> None:
    """Note what somebody decided about identifiers, and conclude again at once.

    raises   UserError for an act that does not exist
    """
    _decide(ctx, site, act, a, [b], by)


def _decide(
    ctx: Context, site: Site, act: str, a: tuple[int, str], others: Sequence[tuple[int, str]], by: int | None
) -> None:
    if act not in ACTS:
        raise UserError("There is no such decision.", "Load the page again.")
    with ctx.database.write() as c:
        for b in others:
            c.execute(insert(decided).values(
                site_id=site.id, act=act, a=hexed(a[0]), a_kind=a[1], b=hexed(b[0]), b_kind=b[1], made_by=by,
                made_at=clock.now(),
            ))  # fmt: skip
            note(c, site.workspace_id, by, f"profiles.{act}", hexed(a[0]), other=hexed(b[0]) if b[1] else "")
    restitch(ctx, site, np.array([n for n, kind in (a, *others) if kind], np.uint64))


def take_off(ctx: Context, site: Site, node: tuple[int, str], by: int | None = None) -> int:
    """Say that an identifier is not this person's: every link between it and their other identifiers is disbelieved.

    returns  how many links that were
    """
    mine = {n for n, _ in nodes_of(ctx, site, person_of(ctx, site, node[0]))} - {node[0]}
    ends = {((e.b, e.b_kind) if e.a == node[0] else (e.a, e.a_kind)) for e in evidence_of(ctx, site, [node[0]])}
    others = sorted(end for end in ends if end[0] in mine)
    for made in decisions_of(ctx, site, [node[0]]):
        if made.act == "together" and made.undone_at is None:
            undo(ctx, site, made.id, by)
    if others:
        _decide(ctx, site, "apart", node, others, by)
    return len(others)


def undo(ctx: Context, site: Site, number: int, by: int | None = None) -> None:
    """Take a decision back; what the evidence says holds again.

    raises   UserError (404) when there is no such decision
    """
    with ctx.database.write() as c:
        where = (decided.c.id == number, decided.c.site_id == site.id, decided.c.undone_at.is_(None))
        row = c.execute(select(decided).where(*where)).first()
        if row is None:
            raise UserError("There is no such decision.", "Load the page again.", status=404)
        c.execute(update(decided).where(*where).values(undone_at=clock.now(), undone_by=by))
        note(c, site.workspace_id, by, f"profiles.{row.act}_undone", row.a)
    ends = [int(row.a, 16)] + ([int(row.b, 16)] if row.b_kind else [])
    restitch(ctx, site, np.array(ends, np.uint64))


def decisions_of(ctx: Context, site: Site, nodes: Sequence[int]) -> list[Decision]:
    """What was decided about these identifiers, undone decisions too, the newest first."""
    keys = [hexed(node) for node in nodes][:500]
    query = (
        select(decided)
        .where(decided.c.site_id == site.id, decided.c.a.in_(keys) | decided.c.b.in_(keys))
        .order_by(decided.c.id.desc())
    )
    with ctx.database.read() as c:
        return [
            Decision(
                id=r.id, act=r.act, a=int(r.a, 16), a_kind=r.a_kind, b=int(r.b, 16), b_kind=r.b_kind,
                made_by=r.made_by, made_at=r.made_at, undone_at=r.undone_at,
            )
            for r in c.execute(query)
        ]  # fmt: skip


def _decisions(db: Database, site: Site) -> Decisions:
    """The decisions that hold, in the form that stitching takes. Of two about the same, the later one counts."""
    query = select(decided).where(decided.c.site_id == site.id, decided.c.undone_at.is_(None)).order_by(decided.c.id)
    pairs = dict[tuple[int, int], tuple[str, tuple[int, str, int, str]]]()
    single = dict[int, str]()
    with db.read() as c:
        for r in c.execute(query):
            a, b = int(r.a, 16), int(r.b, 16)
            if r.act in ("glue", "shared"):
                single[a] = r.act
            else:
                pairs[min(a, b), max(a, b)] = (r.act, (a, r.a_kind, b, r.b_kind))
    return Decisions(
        apart=frozenset(pair for pair, (act, _) in pairs.items() if act == "apart"),
        glue=frozenset(node for node, act in single.items() if act == "glue"),
        shared=frozenset(node for node, act in single.items() if act == "shared"),
        together=links_of(link for act, link in pairs.values() if act == "together"),
    )


def forget(ctx: Context, site: Site, nodes: Sequence[int]) -> None:
    """Take the values of identifiers, and decisions about them, out of the record store."""
    keys = [hexed(node) for node in nodes]
    with ctx.database.write() as c:
        for i in range(0, len(keys), 500):
            some = keys[i : i + 500]
            c.execute(delete(identifiers).where(identifiers.c.site_id == site.id, identifiers.c.key.in_(some)))
            c.execute(
                delete(decided).where(decided.c.site_id == site.id, decided.c.a.in_(some) | decided.c.b.in_(some))
            )
