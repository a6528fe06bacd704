"""Evidence that identifiers belong together, and their sealed values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import uuid4

import msgspec
import numpy as np
from sqlalchemy import select

from tandem.accounts.model import Site
from tandem.base import progress
from tandem.base.database import Database, upsert
from tandem.core.context import Context
from tandem.people.model.identifier import Identifier, Kind, Link, masked
from tandem.people.store.common import SQL, hexed, key_of
from tandem.people.store.persons import conclude, fresh_of
from tandem.people.tables import identifiers

REFS_AT_ONCE = 500
SAMPLE = 100
"""So many values tell whether there are some of another key: opening all would take minutes."""


class ShownIdentifier(msgspec.Struct, frozen=True, kw_only=True):
    """One identifier of a person, as its reader may see it.

    is_opened             false where its value was not kept or cannot be opened: the text is its key then
    is_sealed_otherwise   its value was sealed with another key
    """

    node: int
    kind: str
    text: str
    is_opened: bool = True
    is_sealed_otherwise: bool = False


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
    if not ends:
        return
    # TRAP: evidence that was taken back and comes again would be held for the block of then, and be dropped.
    ctx.warehouse.insert("identity_links", {
        "site": [site.id] * len(ends),
        "a": [a for (a, _), _ in ends], "a_kind": [kind for (_, kind), _ in ends],
        "b": [b for _, (b, _) in ends], "b_kind": [kind for _, (_, kind) in ends],
        "source": sources, "ref": refs, "at": moments,
    }, token=uuid4().hex)  # fmt: skip
    fresh_of(ctx).add(site, [key for end in ends for key, _ in end])


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


class ToldLink(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence as it stands: two identifiers by their keys, and the call or record that it came with."""

    ref: str
    a: int
    a_kind: str
    b: int
    b_kind: str
    at: datetime


def links_told(ctx: Context, site: Site, source: str, refs: Sequence[str]) -> list[ToldLink]:
    """The evidence that came with these calls or records."""
    found = list[ToldLink]()
    for part in _parts(refs):
        found += ctx.warehouse.rows(SQL["links_told"], ToldLink, site=site.id, source=source, refs=part)
    return found


def replace_links(
    ctx: Context, site: Site, source: str, refs: Sequence[str], links: Sequence[ToldLink], nodes: Iterable[int]
) -> None:
    """Put this evidence in the place of all that came with these calls or records, and conclude again.

    nodes   one identifier of each call or record at least: done again after a crash, what is gone is not known here
    TRAP: the engine keeps the text of a deletion in a file, so it names calls and records, never a person's key.
    """
    with ctx.database.beside_others():
        for part in _parts(refs):
            ctx.warehouse.do(SQL["forget_links"], {"site": site.id, "source": source, "refs": part})
        ends = [((link.a, link.a_kind), (link.b, link.b_kind)) for link in links]
        _insert_links(ctx, site, ends, [source] * len(ends), [link.ref for link in links], [link.at for link in links])
    conclude(ctx, site, np.array(sorted({*nodes, *(end for link in links for end in (link.a, link.b))}), np.uint64))


def _parts(refs: Sequence[str]) -> Iterator[list[str]]:
    """Some at a time: a statement has at most 256 KB."""
    return (list(refs[i : i + REFS_AT_ONCE]) for i in range(0, len(refs), REFS_AT_ONCE))


def users_of_signatures(ctx: Context, site: Site, refs: Iterable[str], nodes: Iterable[int]) -> dict[str, int]:
    """Which browser used each of these signatures, which prove something of the identifiers `nodes`."""
    asked = {"site": site.id, "refs": sorted(refs), "nodes": sorted(nodes)}
    return {ref: int(browser) for ref, browser in ctx.warehouse.ask(SQL["signature_users"], asked).rows}


def _in_order(a: tuple[int, str], b: tuple[int, str]) -> tuple[tuple[int, str], tuple[int, str]]:
    return (a, b) if a <= b else (b, a)


def _keep_values(ctx: Context, site: Site, keys: dict[Identifier, int], at: datetime) -> None:
    """Keep the sealed values of identifiers that are not known yet."""
    wanted = {hexed(key): end for end, key in keys.items() if end.kind != Kind.VISITOR}
    stored = set(_sealed(ctx.database, site, wanted))
    fresh = [(key, end) for key, end in wanted.items() if key not in stored]
    if not fresh:
        return
    with ctx.database.write() as c:
        for part in progress.parts(fresh, 2_000):
            c.execute(upsert(c, identifiers).on_conflict_do_nothing(), [
                {"site_id": site.id, "key": key, "kind": end.kind, "sealed": ctx.vault.seal(end.value), "seen_at": at}
                for key, end in part
            ])  # fmt: skip


def _sealed(db: Database, site: Site, keys: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Kind and sealed value of those keys that are known."""
    wanted, by_key = list(keys), dict[str, tuple[str, str]]()
    with db.read() as c:
        for i in range(0, len(wanted), 500):
            query = select(identifiers.c.key, identifiers.c.kind, identifiers.c.sealed).where(
                identifiers.c.site_id == site.id, identifiers.c.key.in_(wanted[i : i + 500])
            )
            by_key |= {key: (kind, sealed) for key, kind, sealed in c.execute(query)}
    return by_key


def values_of(
    ctx: Context, site: Site, nodes: Sequence[tuple[int, str]], is_open: bool = False
) -> list[ShownIdentifier]:
    """Identifiers as text: masked, or whole when `is_open` (the caller must hold the permission and note it)."""
    sealed = _sealed(ctx.database, site, [hexed(node) for node, kind in nodes if kind != Kind.VISITOR])
    values = []
    for node, kind in nodes:
        value = ctx.vault.try_open(sealed[hexed(node)][1]) if hexed(node) in sealed else None
        text = hexed(node) if value is None else value if is_open else masked(kind, value)
        values.append(
            ShownIdentifier(
                node=node, kind=kind, text=text, is_opened=value is not None or kind == Kind.VISITOR,
                is_sealed_otherwise=value is None and hexed(node) in sealed,
            )
        )  # fmt: skip
    return values


def any_sealed(db: Database) -> list[str]:
    """Some sealed values, if there are any: to see whether the key is the right one. Their order is that of hashes, so
    they are of all times."""
    with db.read() as c:
        return list(c.execute(select(identifiers.c.sealed).limit(SAMPLE)).scalars())
