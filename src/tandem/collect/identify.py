"""Who a browser is said to be: what is proved becomes evidence, everything else a hint that joins nobody."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime

import msgspec

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.collect import store as collect
from tandem.collect.site_batch import Identified
from tandem.core.context import Context
from tandem.people import store as people
from tandem.people.model.identifier import Identifier, Kind, Link, email, phone, visitor
from tandem.people.model.proof import PROVED, Outcome
from tandem.people.store import hints


class OpenedClaim(msgspec.Struct, frozen=True, kw_only=True):
    """One claim, opened: whom it names, what was found of its proof, the signature's first digits, if it is counted."""

    visitor: int
    event: int
    at: datetime
    identifiers: list[Identifier]
    proved: str
    ref: str
    is_counted: bool


def keep(ctx: Context, site: Site, identifieds: Sequence[Identified]) -> None:
    """Record what was told of browsers; a value that is no phone, e-mail, login or record is left out.

    Doing it twice with the same changes nothing, also not in the ledger.
    """
    opened = _without_replays(
        ctx, site, sorted((_opened(ctx, one) for one in identifieds), key=lambda o: (o.at, o.event))
    )
    people.record(ctx, site, [link for one in opened if one.proved in PROVED for link in _links(one)])
    doubted = [one for one in opened if one.proved not in PROVED]
    hints.record(ctx, site, [hint for one in doubted for hint in _hints(one)])
    fresh = [one for one in doubted if not one.is_counted]
    counts = Counter[tuple[int, date, str]]((site.id, one.at.date(), collect.HINT + one.proved) for one in fresh)
    collect.add_ingestion(ctx.warehouse, counts, _name_of(fresh))


def _opened(ctx: Context, identified: Identified) -> OpenedClaim:
    """A claim, opened.

    raises   ValueError where its collector had another key: a fault of the data, so that it alone is put aside, while
             everything else is loaded
    """
    text = ctx.vault.try_open(identified.sealed)
    if text is None:
        raise ValueError("a claim was sealed with another key")
    values = msgspec.json.decode(text, type=dict[str, str])
    proved, ref = values.pop("proved", "") or Outcome.UNSIGNED, values.pop("ref", "")
    identifiers = [
        identifier for name, value in values.items() if (identifier := _identifier(name, value, identified.country))
    ]
    return OpenedClaim(
        visitor=identified.visitor,
        event=identified.event,
        at=clock.from_ms(identified.at),
        identifiers=identifiers,
        proved=proved,
        ref=ref,
        is_counted=identified.is_counted,
    )


def _without_replays(ctx: Context, site: Site, claims: list[OpenedClaim]) -> list[OpenedClaim]:
    """A signature that names no browser counts for the one that used it first."""
    signed = [one for one in claims if one.proved == Outcome.SIGNED]
    if not signed:
        return claims
    nodes = {people.key_of(ctx, site, identifier) for one in signed for identifier in one.identifiers}
    first = people.users_of_signatures(ctx, site, {one.ref for one in signed}, nodes)
    return [
        msgspec.structs.replace(one, proved=Outcome.REPLAYED)
        if one.proved == Outcome.SIGNED and first.setdefault(one.ref, one.visitor) != one.visitor
        else one
        for one in claims
    ]


def _links(claim: OpenedClaim) -> Iterator[Link]:
    for identifier in claim.identifiers:
        yield Link(
            a=visitor(claim.visitor),
            b=identifier,
            at=claim.at,
            source=claim.proved,
            ref=claim.ref or f"{claim.event:016x}",
        )


def _hints(claim: OpenedClaim) -> Iterator[hints.Hint]:
    for identifier in claim.identifiers:
        yield hints.Hint(visitor=claim.visitor, identifier=identifier, at=claim.at, why=claim.proved)


def _name_of(claims: Sequence[OpenedClaim]) -> str:
    """A name for these claims: the same ones again, after a crash, are not counted again."""
    events = "".join(f"{one.visitor:016x}{one.event:016x}" for one in claims)
    return f"hints-{hashlib.blake2b(events.encode(), digest_size=16).hexdigest()}"


def _identifier(name: str, value: str, country: str) -> Identifier | None:
    if name == "phone":
        return phone(value, country)
    if name == "email":
        return email(value)
    text = value.strip()[:200]
    return Identifier(Kind.LOGIN if name == "login" else Kind.CRM, text) if text else None
