"""Claims that nobody proved: kept beside the evidence for people to see, believed by nobody."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.database import WATCHED_S
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.people.model.identifier import Identifier, Kind, masked
from tandem.people.store import decisions
from tandem.people.store.common import SQL, hexed, key_of
from tandem.people.store.evidence import remember_all
from tandem.people.store.persons import in_turn
from tandem.people.store.profiles import evidence_of

MOST_A_DAY = 20_000
"""Hints kept of a site in a day; a stranger who sends more fills no disk."""


class Hint(msgspec.Struct, frozen=True, kw_only=True):
    """A browser was said to be somebody's, without proof."""

    visitor: int
    identifier: Identifier
    at: datetime
    why: str


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A hint as a profile shows it."""

    visitor: int
    node: int
    kind: str
    text: str
    why: str
    at: datetime


def record(ctx: Context, site: Site, hints: Sequence[Hint]) -> int:
    """Keep hints; returns how many. The same claim of the same browser is one, however often it comes."""
    if not hints:
        return 0
    room = MOST_A_DAY - int(ctx.warehouse.value(SQL["hints_today"], site=site.id, since=_today()))
    unique = list({(hint.visitor, hint.identifier): hint for hint in hints}.values())[: max(room, 0)]
    if unique:
        ctx.warehouse.insert("identity_hints", {
            "site": [site.id] * len(unique), "visitor": [hint.visitor for hint in unique],
            "node": [key_of(ctx, site, hint.identifier) for hint in unique],
            "kind": [str(hint.identifier.kind) for hint in unique],
            "sealed": [ctx.vault.seal(hint.identifier.value) for hint in unique],
            "why": [hint.why for hint in unique], "at": [hint.at for hint in unique],
        })  # fmt: skip
    return len(unique)


def _today() -> datetime:
    return clock.now().replace(hour=0, minute=0, second=0, microsecond=0)


class _Row(msgspec.Struct, frozen=True):
    visitor: int
    node: int
    kind: str
    sealed: str
    why: str
    last_at: datetime


class UnbelievedCount(msgspec.Struct, frozen=True):
    """How many claims were not believed for one reason."""

    why: str
    claims: int
    browsers: int
    last_at: datetime


def reasons_of(ctx: Context, site: Site, since: datetime) -> list[UnbelievedCount]:
    """Why claims were kept as hints only, the most frequent reason first."""
    return ctx.warehouse.rows(SQL["hints_by_reason"], UnbelievedCount, site=site.id, since=since)


def hints_of(ctx: Context, site: Site, nodes: Sequence[int], is_open: bool = False) -> list[Claim]:
    """What was claimed about these identifiers and is not proved meanwhile, the newest first; values are masked."""
    rows = ctx.warehouse.rows(SQL["hints_of"], _Row, site=site.id, nodes=list(nodes))
    return [
        Claim(
            visitor=row.visitor, node=row.node, kind=row.kind, why=row.why, at=row.last_at,
            text=hexed(row.node) if value is None else value if is_open else masked(row.kind, value),
        )
        for row in rows
        for value in [ctx.vault.try_open(row.sealed)]
    ]  # fmt: skip


@in_turn(WATCHED_S)
def decide(ctx: Context, site: Site, act: str, browser: int, node: int, by: int | None = None) -> None:
    """A user decides about a claim, until that is taken back: `together`, the two are one, or `apart`.

    The claim is a hint, or evidence that nobody proved, or that a record without a contact told.

    raises   UserError (404) when there is no such claim
    """
    for evidence in evidence_of(ctx, site, [node]):
        if {evidence.a, evidence.b} == {browser, node} and (not evidence.is_proved or evidence.is_of_a_form):
            return decisions.decide(ctx, site, act, (evidence.a, evidence.a_kind), (evidence.b, evidence.b_kind), by)
    rows = ctx.warehouse.rows(SQL["hints_of"], _Row, site=site.id, nodes=[node])
    hint = next((row for row in rows if row.visitor == browser and row.node == node), None)
    if hint is None:
        raise UserError("There is no such claim.", "Reload the page.", status=404)
    if act == "together":  # from now on the identifier is known
        remember_all(ctx, site, {Identifier(hint.kind, ctx.vault.open(hint.sealed)): hint.last_at})
    return decisions.decide(ctx, site, act, (browser, str(Kind.VISITOR)), (node, hint.kind), by)
