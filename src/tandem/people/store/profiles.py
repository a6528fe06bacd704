"""What is known of one person, and lists of persons to look at."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
import numpy as np
from sqlalchemy import delete

from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.people.model.identifier import Kind
from tandem.people.model.stitch import CLAIM, KINDS, Links, stitch
from tandem.people.store.common import SPARSE, SQL, hexed
from tandem.people.store.persons import LINK_COLUMNS, decisions_by_kind, links_in, nodes_of, person_of
from tandem.people.tables import decisions as decided
from tandem.people.tables import identifiers

UNPROVED = "site"
"""The source of evidence that browsers claimed before claims had to be signed."""
MOST_NEWEST = 50


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


def proved_nodes_of(ctx: Context, site: Site, node: int) -> list[tuple[int, str]]:
    """The identifiers that are proved to be the same person as this one: without those that only a claim joins."""
    every = nodes_of(ctx, site, person_of(ctx, site, node))
    keys = np.unique(np.array([key for key, _ in every] + [node], np.uint64))
    asked = {"site": site.id, "nodes": keys, "kinds": list(KINDS)}
    links = links_in(ctx.warehouse.arrays(SQL["links_of"], LINK_COLUMNS, asked, **SPARSE))
    proved = links.doubt != CLAIM
    answer = stitch(Links(*(column[proved] for column in links)), decisions_by_kind(ctx.database, site))
    mine = (
        set(answer.node[answer.person == answer.person[answer.node == node]].tolist())
        if node in answer.node
        else {node}
    )
    return [(key, kind) for key, kind in every if key in mine] or [(node, str(Kind.VISITOR))]


def browsers_of(ctx: Context, site: Site, nodes: Iterable[int]) -> dict[int, dict[int, set[str]]]:
    """For each identifier, the browsers of its person, and the sources of evidence that name both directly."""
    wanted, browsers = sorted({node for node in nodes if node}), dict[int, dict[int, set[str]]]()
    for i in range(0, len(wanted), 20_000):
        rows = ctx.warehouse.ask(SQL["browsers_of"], {"site": site.id, "nodes": wanted[i : i + 20_000]}).rows
        for node, browser, sources in rows:
            browsers.setdefault(int(node), {})[int(browser)] = set(sources)
    return browsers


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
    return ctx.warehouse.rows(SQL["newest_persons"], NewPerson, site=site.id, most=MOST_NEWEST)


def many_faced(ctx: Context, site: Site) -> list[ManyFaced]:
    """Persons of suspiciously many identifiers: for review."""
    return ctx.warehouse.rows(SQL["many_faced"], ManyFaced, site=site.id)


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
