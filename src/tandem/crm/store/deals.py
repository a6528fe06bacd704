"""Deals in the event store: snapshots in any order, and their stages."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

from tandem.accounts.model import Site
from tandem.base import progress
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.crm.model.deal import NEVER, DealFact, deal_key, version_of
from tandem.crm.model.pricing import Pricing
from tandem.crm.store import replaced
from tandem.crm.store.common import AT_ONCE, NODE, PRICED, ROW, SQL, STEP, columns_of
from tandem.crm.store.origins import derive
from tandem.people import store as people
from tandem.people.model.identifier import Identifier, Kind, Link, email, phone, region_of, visitor, visitor_of
from tandem.rates.model import TooMuch
from tandem.rates.store import rates_of

ORIGINALS = {"amount": "original_amount", "refunded": "original_refund", "cost": "original_cost"}


def record(ctx: Context, site: Site, connection: int, facts: Collection[DealFact], revision: int = 0) -> int:
    """Keep snapshots of records, and the evidence in them; returns how many there were.

    Order and repetition do not matter: the newest snapshot of a record counts, and each stage is kept with its moment.
    revision   of the mapping that read them; of one snapshot, the reading by the newer mapping counts
    """
    with progress.part(0, 0.65):
        deals = put(ctx, site, connection, facts, revision)
    with progress.part(0.65, 1):
        derive(ctx, site, deals)
    return len(facts)


def pricing_of(ctx: Context, site: Site, since: date | None = None) -> Pricing:
    """What amounts of a site's records are converted by; `since` bounds the days of the records, where it is known."""
    return Pricing(site.currency, site.tz, lambda: rates_of(ctx.database, since))


def put(
    ctx: Context, site: Site, connection: int, facts: Collection[DealFact], revision: int = 0,
    import_: int = 0,
) -> list[int]:  # fmt: skip
    """Keep snapshots, stages and evidence; returns the keys of the records, whose origins are yet to be derived.

    import_   the import that tells of them: how they stood before is kept, so that it can be undone
    """
    if not facts:
        return []
    with ctx.database.beside_others():
        return _put(ctx, site, connection, facts, revision, import_)


def _put(
    ctx: Context, site: Site, connection: int, facts: Collection[DealFact], revision: int, import_: int
) -> list[int]:
    pricing = pricing_of(ctx, site, min(f.created_at for f in facts).date())
    rows, links, lonely = [], list[Link](), dict[Identifier, datetime]()
    for number, fact in enumerate(facts):
        progress.at(number, len(facts) / 0.4)
        ends, evidence, own = _evidence(ctx, site, fact)
        links += evidence
        if not evidence and own.kind != Kind.VISITOR:
            lonely[own] = min(fact.created_at, lonely.get(own, fact.created_at))
        rows.append(_row(site, connection, fact, revision, pricing, ends))
    if import_:
        replaced.keep(ctx, site, import_, rows)
    # TRAP: what was taken back and comes again would be held for the block of then, and be dropped.
    token = uuid4().hex if import_ else ""
    ctx.warehouse.insert(
        "deal_rows", columns_of(ROW, rows), token
    )  # one block, all or nothing; the rest follows from it
    with progress.part(0.6, 0.9):
        people.record(ctx, site, links)
        people.remember_all(ctx, site, lonely)
    _keep_stages(ctx, facts, rows, revision, token)
    return list({row[1] for row in rows})


class Ends(NamedTuple):
    """The keys of who is behind a record; 0 for what it does not tell."""

    node: int
    visitor: int
    phone: int
    email: int


def ends_of(ctx: Context, site: Site, fact: DealFact) -> Ends:
    """The keys of who is behind a record."""
    return _evidence(ctx, site, fact)[0]


def _evidence(ctx: Context, site: Site, fact: DealFact) -> tuple[Ends, list[Link], Identifier]:
    """Who is behind a record, what it proves, and who stands for them: without a contact its phone, e-mail or browser.

    A record of its own for each enquiry would make a browser with several of them look shared.
    """
    region = region_of(site)
    phones = [found for text in fact.phones if (found := phone(text, region))]
    emails = [found for text in fact.emails if (found := email(text))]
    browser = visitor_of(fact.client)
    identifiers = [*phones, *emails, *([visitor(browser)] if browser else [])]
    if fact.contact or not identifiers:
        identifiers.insert(0, Identifier(Kind.CRM, _named(fact)))
    own, *others = identifiers
    links = [
        Link(a=own, b=other, at=fact.created_at, source="crm", ref=f"{fact.system}:{fact.kind}:{fact.id}"[:200])
        for other in others
    ]
    first = [people.key_of(ctx, site, found[0]) if found else 0 for found in (phones, emails)]
    return Ends(people.key_of(ctx, site, own), browser, *first), links, own


def _named(fact: DealFact) -> str:
    """The record that stands for the person: their contact, or this deal when it names nobody."""
    number = fact.contact or f"{fact.kind}-{fact.id}"
    return f"{fact.system}:{'_'.join(number.split())[:200]}"


def _row(site: Site, connection: int, f: DealFact, revision: int, pricing: Pricing, ends: Ends) -> tuple[Any, ...]:
    amount, refunded, cost = (_price(pricing, f, money) for money in (f.amount, f.refunded, f.cost))
    version = version_of(f, revision, is_priced=amount is not None or f.amount is None)
    parent = deal_key(site.id, connection, "lead", f.parent) if f.parent else 0
    return (
        site.id, deal_key(site.id, connection, f.kind, f.id), version, int(f.is_deleted), connection, f.system, f.id,
        f.kind, parent, f.created_at, f.updated_at, f.closed_at or NEVER, f.stage, str(f.stage_kind), f.pipeline,
        amount, refunded or Decimal(0), cost, f.amount, f.refunded, f.cost, f.currency or site.currency, f.source_text,
        f.utm_source, f.utm_medium, f.utm_campaign, f.utm_term, f.utm_content, f.click, ends.visitor, ends.node,
        ends.phone, ends.email, f.responsible, f.lost_reason,
    )  # fmt: skip


def _price(pricing: Pricing, fact: DealFact, amount: Decimal | None) -> Decimal | None:
    """An amount as it is kept. Whoever reads records has refused what is too much; where a rate has changed since then,
    the amount is unknown: half a file would be worse."""
    try:
        return pricing.convert(fact, amount)
    except TooMuch:
        return None


def _keep_stages(
    ctx: Context, facts: Collection[DealFact], rows: Sequence[tuple[Any, ...]], revision: int, token: str
) -> None:
    """Each stage with its moment, the present one and those that the CRM remembers."""
    steps = [
        (row[0], row[1], row[NODE], at, stage, means, revision)
        for f, row in zip(facts, rows, strict=True) if not f.is_deleted
        for at, stage, means in (
            (f.moved_at or f.updated_at, f.stage, str(f.stage_kind)),
            *((was.at, was.stage, was.stage_kind) for was in f.history),
        ) if stage
    ]  # fmt: skip
    keep_steps(ctx, steps, token)


def keep_steps(ctx: Context, steps: Sequence[tuple[Any, ...]], token: str = "") -> None:
    """Keep when records were in which stage, as rows of STEP; of one moment and stage the newest version counts."""
    if steps:
        ctx.warehouse.insert("deal_snapshots", columns_of(STEP, steps), token)


def price_again(ctx: Context, site: Site) -> int:
    """Convert amounts whose rate has become known since; returns how many."""
    with ctx.database.beside_others():  # a person that is erased meanwhile would come back
        return _price_again(ctx, site)


def _price_again(ctx: Context, site: Site) -> int:
    answer = ctx.warehouse.ask(SQL["unpriced"], {"site": site.id})
    if not answer.rows:
        return 0
    rates, fresh = rates_of(ctx.database), []
    for row in answer.rows:
        deal = dict(zip(answer.names, row, strict=True))
        closed = deal["closed"]
        on = (closed if closed > NEVER else deal["at"]).astimezone(site.tz).date()
        pair = rates.between(deal["currency"], site.currency, on)
        if pair is None:
            continue
        try:
            for ours, theirs in ORIGINALS.items():
                if deal[theirs] is not None:
                    deal[ours] = rates.convert(deal[theirs], deal["currency"], site.currency, on)
        except TooMuch:  # the record came before its rate; its amount stays unknown
            continue
        deal["version"] |= PRICED
        fresh.append(tuple(deal[name] for name in ROW))
    if fresh:
        ctx.warehouse.insert("deal_rows", columns_of(ROW, fresh))
    return len(fresh)


def known_of(ctx: Context, site: Site, connection: int, facts: Sequence[DealFact]) -> int:
    """How many of these records are known already."""
    keys = [deal_key(site.id, connection, f.kind, f.id) for f in facts]
    count = 0
    for part in progress.parts(keys, AT_ONCE):
        count += len(ctx.warehouse.ask(SQL["known_deals"], {"site": site.id, "deals": part}).rows)
    return count


def has_unpriced(ctx: Context) -> bool:
    """Whether amounts of any site wait for the rate of their day."""
    return bool(ctx.warehouse.value(SQL["has_unpriced"]))


def fixes(ctx: Context, site: Site, field: str) -> UserError | None:
    """Why a site's currency can change no more: amounts of deals were converted into it."""
    if field != "currency" or not ctx.warehouse.value(SQL["has_amounts"], site=site.id):
        return None
    return UserError(
        "Amounts of deals were converted into %(currency)s.", "Add a new site with the other currency.", 409,
        currency=site.currency,
    )  # fmt: skip


def has_deals(ctx: Context, site: Site) -> bool:
    """Whether anything was ever told of this site."""
    return bool(ctx.warehouse.value(SQL["has_deals"], site=site.id))
