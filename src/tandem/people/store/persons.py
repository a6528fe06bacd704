"""Persons: what hangs together, concluded from evidence and decisions."""

import threading
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from sqlalchemy import select

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.database import PATIENCE_S, Database
from tandem.base.warehouse import Array, Warehouse
from tandem.core.context import Context
from tandem.people.model.identifier import Kind
from tandem.people.model.stitch import CODE, FORM, KINDS, PROVED, Decisions, Links, Stitched, links_of, stitch
from tandem.people.store.common import CONCLUDED, SPARSE, SQL
from tandem.people.tables import decisions as decided

MOST_NODES = 60_000
"""Identifiers that are concluded on by themselves; with more, everything is.

TRAP: the engine takes an array of more than 100,000 values for a list to walk through at each row, not for a set.
"""
MOST_NEWS = 500_000
"""Conclusions in the small map of persons, which is read with each batch; with more, the large one is read too."""

Args = ParamSpec("Args")
Answer = TypeVar("Answer")
Act = Callable[Concatenate[Context, Site, Args], Answer]


def in_turn(within_s: float) -> Callable[[Act[Args, Answer]], Act[Args, Answer]]:
    """One at a time concludes who is who on a site, or decides it, from the first look to the last row.

    Else an answer from older evidence would be written after one from newer evidence, a decision, or an erasure.
    """

    def taken(act: Act[Args, Answer]) -> Act[Args, Answer]:
        @wraps(act)
        def waiting(ctx: Context, site: Site, /, *args: Args.args, **more: Args.kwargs) -> Answer:
            with ctx.database.turn("persons", site.id, within_s):
                return act(ctx, site, *args, **more)

        return waiting

    return taken


class FreshIdentifiers:
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
    nodes = fresh_of(ctx).take(site)
    return conclude(ctx, site, nodes) if nodes.size else 0


def conclude(ctx: Context, site: Site, nodes: Array) -> int:
    """Conclude again on these identifiers; what fails is concluded with what is new, at the next turn."""
    try:
        return restitch(ctx, site, nodes)
    except BaseException:
        fresh_of(ctx).add(site, nodes.tolist())
        raise


def fresh_of(ctx: Context) -> FreshIdentifiers:
    return ctx.state(FreshIdentifiers)


@in_turn(PATIENCE_S)
def restitch(ctx: Context, site: Site, nodes: Array) -> int:
    """Conclude again on these identifiers and everything that hangs together with them.

    The circle grows until no link that glues leads out of it, so the answer is that of stitching everything.
    """
    decisions = decisions_by_kind(ctx.database, site)
    while nodes.size < MOST_NODES:
        companions = _companions(ctx.warehouse, site, nodes)
        nodes = _union(nodes, companions["node"])
        asked = {"site": site.id, "nodes": nodes, "kinds": list(KINDS)}
        links = ctx.warehouse.arrays(SQL["links_of"], LINK_COLUMNS, asked, **SPARSE)
        answer = stitch(links_in(links), decisions)
        inside = _among(nodes, answer.node)
        outside = answer.node[~inside]
        outside = outside[_among(np.sort(answer.person[inside]), answer.person[~inside])]
        if not outside.size:
            newest = int(companions["version"].max(initial=0))
            return _conclude(ctx.warehouse, site, _part(answer, inside), companions, newest)
        nodes = _union(nodes, outside)
    return stitch_all(ctx, site)


IS_TYPED = np.isin(np.arange(len(KINDS)), [CODE["phone"], CODE["email"]])
"""Kinds of identifiers that people type into forms."""
LINK_COLUMNS = ("a", "a_kind", "b", "b_kind", "source_code")
"""What the questions for links give; `source_code` is `CLAIM` for what browsers claimed, and `FORM` for the CRM."""


def links_in(columns: dict[str, Array]) -> Links:
    """Links as the model takes them; of the CRM only a phone beside an e-mail may come from a form alone."""
    a_kind, b_kind = columns["a_kind"].astype(np.int8), columns["b_kind"].astype(np.int8)
    doubt = columns["source_code"].astype(np.int8)
    if (doubt == FORM).any():
        may_be_typed = IS_TYPED[a_kind] & IS_TYPED[b_kind]
        doubt[(doubt == FORM) & ~may_be_typed] = PROVED
    return Links(columns["a"], a_kind, columns["b"], b_kind, doubt)


def _part(answer: Stitched, which: Array) -> Stitched:
    return Stitched(answer.node[which], answer.kind[which], answer.person[which], answer.is_shared[which])


@in_turn(PATIENCE_S)
def stitch_all(ctx: Context, site: Site) -> int:
    """Conclude from all evidence of a site; returns how many identifiers have another person now."""
    answer = stitch(_all_links(ctx.warehouse, site), decisions_by_kind(ctx.database, site))
    concluded = ctx.warehouse.arrays(SQL["all_persons"], CONCLUDED, {"site": site.id}, max_execution_time=0)
    newest = int(ctx.warehouse.value(SQL["newest_person"], site=site.id))
    return _conclude(ctx.warehouse, site, answer, concluded, newest, is_whole=True)


def _all_links(warehouse: Warehouse, site: Site) -> Links:
    """All evidence of a site; held by nobody but the one who asks, for it may be gigabytes."""
    asked = {"site": site.id, "kinds": list(KINDS)}
    return links_in(warehouse.arrays(SQL["all_links"], LINK_COLUMNS, asked, max_execution_time=0))


def _companions(warehouse: Warehouse, site: Site, nodes: Array) -> dict[str, Array]:
    """The identifiers that were concluded to be of the same persons as these, with those conclusions and versions."""
    asked = {"site": site.id, "nodes": nodes}
    columns = (*CONCLUDED, "version")
    arrays = warehouse.arrays(SQL["companions"], columns, asked, **SPARSE)
    order = np.lexsort((arrays["version"], arrays["node"]))
    node = arrays["node"][order]
    newest = order[np.append(node[1:] != node[:-1], True)[: node.size]]
    return {name: arrays[name][newest] for name in columns}


def _conclude(
    warehouse: Warehouse, site: Site, answer: Stitched, concluded: dict[str, Array], newest: int, is_whole: bool = False
) -> int:
    """Write down what differs from what was concluded before, with its history; returns how many moved.

    newest   the newest version of what was concluded before
    """
    # What hung together with nothing any more counts as never seen: if it comes back, it is written with its kind.
    concluded = {name: column[concluded["is_gone"] == 0] for name, column in concluded.items()}
    is_known, whose, is_shared = _aligned(concluded, answer)
    gone = concluded["node"][~_among(answer.node, concluded["node"])]
    moved = is_known & (whose != answer.person)
    changed = moved | ~is_known | (is_shared != answer.is_shared)
    now = clock.now_ms()
    version = clock.version_after(newest, now)
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
        "kind": kinds[answer.kind[moved]], "at": [now] * count, "was": whose[moved], "now": answer.person[moved],
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


def _aligned(concluded: dict[str, Array], answer: Stitched) -> tuple[Array, Array, Array]:
    """What was concluded before, in the order of the new answer: whether anything was, the person, and if shared."""
    if not concluded["node"].size:
        nothing = np.zeros(answer.node.size, np.uint64)
        return nothing.astype(bool), nothing, nothing.astype(bool)
    order = np.argsort(concluded["node"])
    nodes = concluded["node"][order]
    place = order[np.minimum(np.searchsorted(nodes, answer.node), nodes.size - 1)]
    return (
        concluded["node"][place] == answer.node,
        concluded["whose"][place],
        concluded["is_shared"][place].astype(bool),
    )


def _write(warehouse: Warehouse, table: str, count: int, columns: dict[str, Any]) -> None:
    step = 1_000_000
    for i in range(0, count, step):
        warehouse.insert(table, {name: column[i : i + step] for name, column in columns.items()})


def reload_maps(warehouse: Warehouse, is_whole: bool = False) -> None:
    """Let the engine read the small map of persons again, on every node; when `is_whole`, the large one too."""
    if is_whole or warehouse.value(SQL["count_news"]) > MOST_NEWS:
        before = max(clock.now_ms(), int(warehouse.value(SQL["newest_news"])))
        warehouse.reload("person_map")
        warehouse.do(SQL["forget_news"], {"version": before}, mutations_sync=2)
    warehouse.reload("person_news")


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
    ordered = sorted((int(nth), int(node)) for node, nth, _, _ in rows if nth)  # 0: it is linked with nothing any more
    return [(node, KINDS[nth - 1]) for nth, node in ordered] or [(person, str(Kind.VISITOR))]


def decisions_by_kind(db: Database, site: Site) -> Decisions:
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
