"""Records from CRM systems into the store: webhooks, polls, and what is derived again in time."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec

from tandem.accounts.model import Site
from tandem.base import clock, log
from tandem.base.errors import SourceError, UserError
from tandem.base.http import Http
from tandem.base.warehouse import Fault, fault_of
from tandem.connections import store as connections
from tandem.connections.model import Connection, Delivery, Polled, SkippedRecord, System
from tandem.core.context import Context
from tandem.crm import mapping, store
from tandem.crm.model.deal import NEVER, DealFact
from tandem.crm.model.mapping import Mapping, Raw, read, record_of, too_much
from tandem.crm.sources import amo, bitrix, hubspot, pipedrive, salesforce, webhook
from tandem.crm.sources.api import Crm, CrmAccount, Ref, Stage, Theirs
from tandem.crm.store import mappings, records
from tandem.crm.store.mappings import Chosen
from tandem.crm.store.records import ParsedRecord
from tandem.imports.problem import Problem

CRMS: dict[str, Crm] = {crm.system: crm for crm in
                       (bitrix.CRM, amo.CRM, hubspot.CRM, pipedrive.CRM, salesforce.CRM, webhook.CRM)}  # fmt: skip
AT_ONCE = 2_000
"""Most records that a new mapping is applied to while a person waits; more are left to the job."""
WAITED_S = 8.0
"""How long a CRM may take to list its fields and stages, while a person waits."""
FEW = 10
"""Of so many records of a poll each may be at fault by itself; where more fail and none is stored, we are."""
PAGES = 10
"""Most pages a poll fetches before others have their turn."""
_log = log.get("crm")


def account_of(ctx: Context, connection: Connection, crm: Crm, is_waited_for: bool = False) -> CrmAccount:
    """The account of a connection, ready to be asked; its `http` is to be closed.

    is_waited_for   a person waits for the answer: asked once, and not for long
    """
    assert crm.base is not None
    connections.must_be_readable(connection)
    address, headers = crm.base(connection.settings)
    names = {name for theirs in mapping_of(ctx, connection).fields.values() for name in theirs}
    patience: dict[str, Any] = {"tries": 1, "timeout_s": WAITED_S} if is_waited_for else {}
    options: dict[str, Any] = {"per_second": crm.per_second, "allowed": ctx.config.reach, **patience}
    http = Http(crm.label, address, headers=headers, **options)
    account = CrmAccount(settings=connection.settings, http=http, now=clock.now(), fields=tuple(sorted(names)))
    if crm.sign_in is None:
        return account
    with http, _understood(crm):
        headers = headers | crm.sign_in(account)
    http = Http(crm.label, address, headers=headers, **options)
    return msgspec.structs.replace(account, http=http)


@contextmanager
def _understood(crm: Crm) -> Iterator[None]:
    """Answers in a form that nobody knows are the system's fault, not ours."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(crm.label, f"responded in an unknown format ({type(error).__name__})") from error


def mapping_of(ctx: Context, connection: Connection) -> Mapping:
    """How records of this connection are read: the system's own way, and what a person chose on top."""
    return mapping.merged(CRMS[connection.system].mapping, mappings.chosen_for(ctx, connection.id))


def poll(ctx: Context, site: Site, connection: Connection) -> Polled:
    """Fetch some pages of what has changed, each stored before the next one is asked for."""
    crm = CRMS[connection.system]
    assert crm.page is not None
    cursor, rows, is_more = connection.cursor, 0, True
    account = account_of(ctx, connection, crm)
    with account.http:
        for _ in range(PAGES):
            with _understood(crm):
                page = crm.page(account, cursor)
            rows += keep(ctx, site, connection, page.raws, FEW)
            cursor, is_more = page.cursor, page.is_more
            if not is_more:
                break
    return Polled(cursor=cursor, rows=rows, is_more=is_more)


def handle(ctx: Context, site: Site, connection: Connection, delivery: Delivery) -> None:
    """Work on a webhook: whole records are kept, named ones fetched, deleted ones noted."""
    crm = CRMS[connection.system]
    assert crm.read_delivery is not None
    delivered = crm.read_delivery(delivery)
    raws = list(delivered.raws)
    if delivered.wanted and crm.fetch is not None:
        account = account_of(ctx, connection, crm)
        with account.http, _understood(crm):
            raws += crm.fetch(account, delivered.wanted)
    keep(ctx, site, connection, raws)
    if delivered.unreadable:
        connections.note_skipped(
            ctx, connection, {one.decode("utf-8", "replace"): NO_RECORD for one in delivered.unreadable}
        )
    store.record(ctx, site, connection.id, [_gone(connection, ref, at) for ref, at in delivered.gone])
    if delivered.gone:
        records.let_go(ctx, connection.id, [(ref.kind, ref.id) for ref, _ in delivered.gone])


def _gone(connection: Connection, ref: Ref, at: datetime) -> DealFact:
    return DealFact(
        system=connection.system, id=ref.id, kind=ref.kind, created_at=NEVER, updated_at=at, is_deleted=True
    )


NO_RECORD = SkippedRecord(
    what=("A record in the webhook is not a JSON object."), cure="Send each record as a JSON object."
)


def keep(ctx: Context, site: Site, connection: Connection, raws: Sequence[Raw], few: int = 0) -> int:
    """Read records by the connection's mapping and store them; returns how many were stored.

    Whatever is wrong with one record alone does not stop the others: it is skipped, counted, and shown to people.
    few      up to so many records may fail to be stored when none is: their system will not be asked for them again
    raises   what storing raised, when the store is at fault, or when none of the records could be stored
    """
    mapping = mapping_of(ctx, connection)
    parsed, skipped = list[ParsedRecord](), dict[str, SkippedRecord]()
    for raw in raws:
        one = _read(ctx, site, connection, mapping, raw)
        if isinstance(one, ParsedRecord):
            parsed.append(one)
        else:
            skipped[_key_of(mapping, raw)] = one
    parsed, refused = _fitting(ctx, site, mapping, parsed)
    skipped |= refused
    stored, broken = _stored(ctx, site, connection, parsed, mapping.revision)
    if len(broken) > few and not stored:
        raise broken[0][1]
    for one, error in broken:
        _log.error("crm.record_broke", system=connection.system, connection=connection.id, exc_info=error)
        skipped[_key_of(mapping, one.raw)] = _broke(mapping, one.raw, error)
    connections.note_skipped(ctx, connection, skipped, [_key_of(mapping, one.raw) for one in stored])
    if raws:
        _log.info(
            "crm.kept", system=connection.system, connection=connection.id, records=len(stored), unreadable=len(skipped)
        )
    return len(stored)


def _read(ctx: Context, site: Site, connection: Connection, mapping: Mapping, raw: Raw) -> ParsedRecord | SkippedRecord:
    try:
        fact, problems = read(mapping, raw, connection.system, site.tz)
        if fact is not None:
            return ParsedRecord(raw=raw, fact=fact, ends=store.ends_of(ctx, site, fact))
    except Exception as error:  # the edge: a record that breaks us must not stop the others
        if fault_of(error) is not Fault.DATA:
            raise
        _log.error("crm.record_broke", system=connection.system, connection=connection.id, exc_info=True)
        return _broke(mapping, raw, error)
    return _skipped(mapping, raw, problems[0])


def _fitting(
    ctx: Context, site: Site, mapping: Mapping, parsed: Sequence[ParsedRecord]
) -> tuple[list[ParsedRecord], dict[str, SkippedRecord]]:
    """Records whose amounts can be kept in the site's currency, and those whose amounts cannot."""
    fitting, skipped = list[ParsedRecord](), dict[str, SkippedRecord]()
    pricing = store.pricing_of(ctx, site, min((one.fact.created_at.date() for one in parsed), default=None))
    for one in parsed:
        if problems := too_much(one.fact, mapping, pricing):
            skipped[_key_of(mapping, one.raw)] = _skipped(mapping, one.raw, problems[0])
        else:
            fitting.append(one)
    return fitting, skipped


def _skipped(mapping: Mapping, raw: Raw, why: Problem) -> SkippedRecord:
    return SkippedRecord(record=record_of(mapping, raw)[1][:40], what=why.what, cure=why.cure, values=why.values)


def _broke(mapping: Mapping, raw: Raw, error: Exception) -> SkippedRecord:
    return SkippedRecord(
        record=record_of(mapping, raw)[1][:40], what="The record could not be stored (%(error)s).",
        cure="This is a bug in Tandem. See the server log for details.", values={"error": type(error).__name__},
    )  # fmt: skip


def _key_of(mapping: Mapping, raw: Raw) -> str:
    """What a record is known by; one without an id by all that it says."""
    kind, number = record_of(mapping, raw)
    return f"{kind}:{number}" if number else repr(sorted(raw.items(), key=lambda item: str(item[0])))


def _stored(
    ctx: Context, site: Site, connection: Connection, parsed: Sequence[ParsedRecord], revision: int
) -> tuple[list[ParsedRecord], list[tuple[ParsedRecord, Exception]]]:
    """Store records together; when that fails on the data, by halves, until those that fail are alone.

    raises   the error when the store is at fault, whatever it is given
    """
    if not parsed:
        return [], []
    try:
        _store(ctx, site, connection, parsed, revision)
    except Exception as error:  # the edge: a record that breaks us must not stop the others
        if fault_of(error) is not Fault.DATA:
            raise
        if len(parsed) == 1:
            return [], [(parsed[0], error)]
    else:
        return list(parsed), []
    stored, broken = list[ParsedRecord](), list[tuple[ParsedRecord, Exception]]()
    for half in (parsed[: len(parsed) // 2], parsed[len(parsed) // 2 :]):
        fine, failed = _stored(ctx, site, connection, half, revision)
        stored += fine
        broken += failed
    return stored, broken


def _store(ctx: Context, site: Site, connection: Connection, parsed: Sequence[ParsedRecord], revision: int) -> None:
    with ctx.database.beside_others():  # whom an erasure finds in one store is in the other too
        store.record(ctx, site, connection.id, [one.fact for one in parsed], revision)
        records.keep(ctx, connection.id, [one for one in parsed if not one.fact.is_deleted])
        records.let_go(ctx, connection.id, [(one.fact.kind, one.fact.id) for one in parsed if one.fact.is_deleted])


# ── another mapping ──


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What a CRM can be mapped from, as it says itself, or why it does not say."""

    fields: list[Theirs] = []
    stages: list[Stage] = []
    problem: str = ""


def listed(ctx: Context, connection: Connection) -> Listed:
    """Ask a CRM for its fields and stages; one that cannot be asked leaves free text."""
    crm = CRMS[connection.system]
    if crm.list_fields is None or crm.list_stages is None:
        return Listed()
    try:
        account = account_of(ctx, connection, crm, is_waited_for=True)
        with account.http, _understood(crm):
            return Listed(fields=crm.list_fields(account), stages=crm.list_stages(account))
    except (SourceError, UserError) as error:
        return Listed(problem=str(error))


def keep_mapping(ctx: Context, site: Site, connection: Connection, chosen: Chosen, by: int | None) -> bool:
    """Keep a mapping and read everything known by it, at once where that is quick; returns whether all is done.

    What the kept records cannot tell is fetched again from the beginning, if the system can be polled.
    """
    trial = mapping.preview(ctx, site, connection, CRMS[connection.system].mapping, chosen)
    mappings.choose(ctx, site, connection, chosen, by)
    if trial.needs_fetch and CRMS[connection.system].page is not None:
        connections.poll_afresh(ctx, connection)
    if trial.records > AT_ONCE:
        return False
    mapping.apply(ctx, site, connection, CRMS[connection.system].mapping)
    return True


def apply_mappings(ctx: Context) -> None:
    """Read everything known by mappings that were kept and are yet to be applied.

    raises   the first error, once every connection had its turn
    """
    sites, trouble = {site.id: site for site in ctx.sites().values()}, list[Exception]()
    for number in mappings.to_apply(ctx):
        connection = connections.connection(ctx, number)
        if connection.site_id in sites and connection.system in CRMS:
            try:
                mapping.apply(ctx, sites[connection.site_id], connection, CRMS[connection.system].mapping)
            except Exception as error:  # noqa: BLE001 - the edge: one connection must not stop the others
                trouble.append(error)
    if trouble:
        raise trouble[0]


def _systems(crms: Iterable[Crm]) -> tuple[System, ...]:
    return tuple(
        System(
            area="crm", id=crm.system, label=crm.label, fields=crm.fields, note=crm.note, accept=crm.accept,
            handle=handle if crm.read_delivery else None, poll=poll if crm.page else None,
        )
        for crm in crms
    )  # fmt: skip


SYSTEMS = _systems(CRMS.values())


def look_again(ctx: Context) -> None:
    """Convert amounts whose rate has come, and credit records anew whose persons have become known."""
    for site in ctx.sites().values():
        if store.has_deals(ctx, site):
            priced, moved = store.price_again(ctx, site), store.derive_again(ctx, site)
            if priced or moved:
                _log.info("crm.looked_again", site=site.key, priced=priced, moved=moved)
