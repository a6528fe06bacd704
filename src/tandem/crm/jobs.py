"""Records from CRM systems into the store: webhooks, polls, and what is derived again in time."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from tandem.accounts.model import Site
from tandem.base import clock, log, progress
from tandem.base.errors import SourceError, UserError
from tandem.base.http import Http
from tandem.base.warehouse import Fault, fault_of
from tandem.connections import store as connections
from tandem.connections.model import Connection, Delivery, Polled, SkippedRecord, System
from tandem.core.context import Context
from tandem.crm import mapping, store
from tandem.crm.model.deal import NEVER, DealFact
from tandem.crm.model.file_words import FileWords, UnknownWord
from tandem.crm.model.mapping import Mapping, Raw, read, record_of, too_much
from tandem.crm.sources import amo, bitrix, hubspot, pipedrive, salesforce, webhook
from tandem.crm.sources.api import Crm, CrmAccount, Ref, Stage, Theirs
from tandem.crm.sources.table import table_of
from tandem.crm.store import files, mappings, records
from tandem.crm.store.mappings import Chosen
from tandem.crm.store.records import ParsedRecord
from tandem.imports.problem import Problem, from_error, from_fault, sentence
from tandem.imports.spill import Spill
from tandem.imports.uploads import on_disk

CRMS: dict[str, Crm] = {crm.system: crm for crm in
                       (bitrix.CRM, amo.CRM, hubspot.CRM, pipedrive.CRM, salesforce.CRM, webhook.CRM)}  # fmt: skip
AT_ONCE = 2_000
"""Most records that a new mapping is applied to while a person waits; more are left to the job."""
STARTED = clock.now()
CUT_OFF_AFTER = timedelta(minutes=10)
"""How long a file may take before its request is held for dead."""
WAITED_S = 8.0
"""How long a CRM may take to list its fields and stages, while a person waits."""
BATCH = 5_000
"""How many records of a file are looked up at once."""
FILES = 0
"""What stands for a connection where records come from files."""
UNEXPLAINED = Problem(
    line=0, what=sentence("The file has stages or currencies that are not known."),
    cure=sentence("Import it again and say what they mean."),
)  # fmt: skip
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


# ── files ──


class DealImportResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a file held, and what became of it."""

    problems: list[Problem]
    unused: list[str]
    fresh: int
    existing: int
    won: int
    has_stages: bool
    stages: list[UnknownWord]
    currencies: list[UnknownWord]
    words: FileWords
    is_dry: bool

    @property
    def is_imported(self) -> bool:
        return not self.is_dry and not self.problems and not self.asks

    @property
    def asks(self) -> bool:
        """Whether somebody must say first what some of its words mean."""
        return bool(self.stages or self.currencies)


def bring_in(
    ctx: Context, site: Site, path: Path, is_dry: bool, by: int | None = None, said: FileWords | None = None
) -> DealImportResult:
    """Read a CSV file and, unless it is a dry run or has problems, keep its records; the same file twice is harmless.

    All or nothing: a file that is taken lies in the record store until the last of its records is in, and what a crash
    cuts off is finished by `finish_loads`. Its records come to sight in blocks.
    said     what a person says now of stages and currencies, on top of what was said before; kept with the records
    raises   UserError when it is no table
    """
    words = files.words_of(ctx, site).with_more(said or FileWords())
    with Spill(DealFact) as facts:
        with progress.part(0, 1 if is_dry else 0.3):
            with progress.part(0, 0.9):
                table = table_of(path, store.pricing_of(ctx, site), clock.now(), facts, words)
            with progress.part(0.9, 1):
                existing = _known(ctx, site, facts)
        count = len(facts)
        result = DealImportResult(
            problems=table.problems, unused=table.unused, fresh=count - existing, existing=existing, won=table.won,
            has_stages=table.has_stages, stages=table.stages, currencies=table.currencies, words=words, is_dry=is_dry,
        )  # fmt: skip
        if result.is_imported:
            progress.for_good()
            if said is not None:
                files.keep_words(ctx, site, words)
            with progress.part(0.3, 1):
                _finish(ctx, site, files.begin_load(ctx, site, path, by), facts, words.revision)
            files.forget_failed_loads(ctx, site)
    _log.info("crm.file_read", site=site.key, records=count, problems=len(table.problems), is_dry=is_dry)
    return result


def _known(ctx: Context, site: Site, facts: Spill[DealFact]) -> int:
    """How many of the records are known already."""
    done = existing = 0
    for batch in facts.batches(BATCH):
        with progress.part(done / len(facts), (done + len(batch)) / len(facts)):
            existing += store.known_of(ctx, site, FILES, batch)
        done += len(batch)
    return existing


def _finish(ctx: Context, site: Site, load: files.FileLoad, facts: Spill[DealFact], revision: int) -> None:
    """Block by block, so that a large file costs no memory; where records came from is known when all are in."""
    deals = array("Q")
    for batch in facts.batches(BATCH):
        done = len(deals)
        with progress.part(0.65 * done / len(facts), 0.65 * (done + len(batch)) / len(facts)):
            deals.extend(store.put(ctx, site, FILES, batch, revision))
    with progress.part(0.65, 1):
        store.derive(ctx, site, deals)
    files.end_load(ctx, load)


def finish_loads(ctx: Context) -> None:
    """Import what was taken and cut off, as it would have been then. One file that fails does not stop the next.

    raises   the first error of the store, once every file had its turn; these are tried again
    """
    files.forget_failed_loads(ctx)
    sites = {site.id: site for site in ctx.sites().values()}
    trouble: Exception | None = None
    for load in files.loads_waiting(ctx):
        is_of_before = ctx.database.is_sqlite and load.made_at < STARTED  # one process works on SQLite: this one
        if clock.now() - load.made_at < CUT_OFF_AFTER and not is_of_before:
            continue  # its own request is at it
        if site := sites.get(load.site_id):
            try:
                _finish_load(ctx, site, load)
            except Exception as error:  # noqa: BLE001 - the edge: a file that breaks us must not stop the next
                if fault_of(error) is Fault.DATA:
                    _log.error("crm.load_broke", site=site.key, load=load.id, exc_info=True)
                    files.fail_load(ctx, load, _why(error))
                else:
                    trouble = trouble or error
    if trouble is not None:
        raise trouble


def settle_files(ctx: Context) -> None:
    """Import what was cut off, so that nothing of a person is left on its way in.

    raises   UserError (409) while a file is being imported
    """
    finish_loads(ctx)
    if files.loads_waiting(ctx):
        raise UserError("A file of deals is still being imported.", "Run the command again in ten minutes.", status=409)


def _finish_load(ctx: Context, site: Site, load: files.FileLoad) -> None:
    with Spill(DealFact) as facts, on_disk(files.body_of(ctx, load)) as path:
        words = files.words_of(ctx, site)
        table = table_of(path, store.pricing_of(ctx, site), load.made_at, facts, words)
        if table.problems:  # this version reads more strictly than the one that took it
            files.fail_load(ctx, load, table.problems[0])
            return
        if table.stages or table.currencies:
            files.fail_load(ctx, load, UNEXPLAINED)
            return
        _finish(ctx, site, load, facts, words.revision)
    _log.info("crm.load_finished", site=site.key, load=load.id)


def _why(error: Exception) -> Problem:
    return from_error(error) if isinstance(error, UserError) else from_fault(error)


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
