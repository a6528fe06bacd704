"""Records from CRM systems into the store: webhooks, polls, and what is derived again in time."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from tandem.accounts.house import House
from tandem.accounts.model import Site
from tandem.base import clock, log
from tandem.base.errors import SourceError
from tandem.connections.http import Http
from tandem.connections.model import Connection, Delivery, Polled, System
from tandem.crm import store
from tandem.crm.model.deal import NEVER, DealFact, Problem
from tandem.crm.model.mapping import Raw, read
from tandem.crm.sources import amo, bitrix, hubspot, webhook
from tandem.crm.sources.api import Account, Crm, Ref
from tandem.crm.sources.table import table_of

CRMS: dict[str, Crm] = {crm.system: crm for crm in (bitrix.CRM, amo.CRM, hubspot.CRM, webhook.CRM)}
FILES = 0
"""What stands for a connection where records come from files."""
PAGES = 10
"""Most pages a poll fetches before others have their turn."""
_log = log.get("crm")


def account_of(house: House, held: Connection, crm: Crm) -> Account:
    """The account of a connection, ready to be asked; its `http` is to be closed."""
    assert crm.base is not None
    address, headers = crm.base(held.settings)
    http = Http(crm.label, address, headers=headers, per_second=crm.per_second, allowed=house.settings.reach)
    return Account(settings=held.settings, http=http, now=clock.now())


def poll(house: House, site: Site, held: Connection) -> Polled:
    """Fetch some pages of what has changed, each stored before the next one is asked for."""
    crm = CRMS[held.system]
    assert crm.page is not None
    cursor, rows, is_more = held.cursor, 0, True
    account = account_of(house, held, crm)
    with account.http:
        for _ in range(PAGES):
            try:
                page = crm.page(account, cursor)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise SourceError(crm.label, f"answered in an unknown form ({type(error).__name__})") from error
            rows += keep(house, site, held, page.raws)
            cursor, is_more = page.cursor, page.is_more
            if not is_more:
                break
    return Polled(cursor=cursor, rows=rows, is_more=is_more)


def handle(house: House, site: Site, held: Connection, delivery: Delivery) -> None:
    """Work on a webhook: whole records are kept, named ones fetched, deleted ones noted."""
    crm = CRMS[held.system]
    assert crm.hear is not None
    heard = crm.hear(delivery)
    raws = list(heard.raws)
    if heard.wanted and crm.fetch is not None:
        account = account_of(house, held, crm)
        with account.http:
            try:
                raws += crm.fetch(account, heard.wanted)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise SourceError(crm.label, f"answered in an unknown form ({type(error).__name__})") from error
    keep(house, site, held, raws)
    store.record(house, site, held.id, [_gone(held, ref, at) for ref, at in heard.gone])


def _gone(held: Connection, ref: Ref, at: datetime) -> DealFact:
    return DealFact(system=held.system, id=ref.id, kind=ref.kind, created_at=NEVER, updated_at=at, is_deleted=True)


def keep(house: House, site: Site, held: Connection, raws: Sequence[Raw]) -> int:
    """Read records by the connection's mapping and keep them; one that cannot be read does not stop the others."""
    mapping = CRMS[held.system].mapping
    facts, unreadable = list[DealFact](), 0
    for raw in raws:
        fact, problems = read(mapping, raw, held.system, site.tz)
        if fact is not None:
            facts.append(fact)
        unreadable += bool(problems)
    store.record(house, site, held.id, facts, mapping.revision)
    if raws:
        _log.info("crm.kept", system=held.system, connection=held.id, records=len(facts), unreadable=unreadable)
    return len(facts)


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """What a file held, and what became of it."""

    problems: list[Problem]
    unused: list[str]
    fresh: int
    known: int
    won: int
    is_dry: bool


def bring_in(house: House, site: Site, body: bytes, is_dry: bool) -> Brought:
    """Read a CSV file and, unless it is a dry run or has problems, keep its records; the same file twice is harmless.

    raises   UserError when it is no table
    """
    told = table_of(body, site.tz, clock.now())
    known = store.known_of(house, site, FILES, told.facts)
    if not is_dry and not told.problems:
        for i in range(0, len(told.facts), 5000):
            store.record(house, site, FILES, told.facts[i : i + 5000])
    _log.info("crm.file_read", site=site.key, records=len(told.facts), problems=len(told.problems), is_dry=is_dry)
    return Brought(
        problems=told.problems, unused=told.unused, fresh=len(told.facts) - known, known=known,
        won=sum(f.stage_kind == "won" for f in told.facts), is_dry=is_dry,
    )  # fmt: skip


def _systems(crms: Iterable[Crm]) -> tuple[System, ...]:
    return tuple(
        System(
            area="crm", id=crm.system, label=crm.label, fields=crm.fields, note=crm.note, accept=crm.accept,
            handle=handle if crm.hear else None, poll=poll if crm.page else None, can_push=crm.accept is not None,
        )
        for crm in crms
    )  # fmt: skip


SYSTEMS = _systems(CRMS.values())


def look_again(house: House) -> None:
    """Convert amounts whose rate has come, and credit records anew whose persons have become known."""
    for site in house.sites().values():
        if store.has_deals(house, site):
            priced, moved = store.price_again(house, site), store.derive_again(house, site)
            if priced or moved:
                _log.info("crm.looked_again", site=site.key, priced=priced, moved=moved)
