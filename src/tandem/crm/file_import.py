"""Leads and deals from a CSV file: read and shown, applied from a sealed copy, and undone."""

from array import array
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tandem.accounts.model import Site
from tandem.base import log, progress
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.crm import store
from tandem.crm.model.deal import DealFact
from tandem.crm.model.file_words import UnknownWord, words_in
from tandem.crm.sources.table import SYSTEM, DealTable, table_of
from tandem.crm.store import files
from tandem.crm.tables import deal_imports
from tandem.imports.problem import sentence
from tandem.imports.spill import Spill
from tandem.imports.store.records import RecordImport, RecordImports
from tandem.imports.uploads import digest_of

BATCH = 5_000
"""How many records of a file are looked up at once."""
FILES = 0
"""What stands for a connection where records come from files."""
_log = log.get("crm")


class DealSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds.

    unused       columns that nothing is read from
    has_stages   a column names the stages; without one all records are open
    """

    fresh: int
    existing: int
    won: int
    has_stages: bool
    unused: list[str]
    stages: list[UnknownWord]
    currencies: list[UnknownWord]

    @property
    def asks(self) -> bool:
        """Whether somebody must say first what some of its words mean."""
        return bool(self.stages or self.currencies)


class DealImport(RecordImport, frozen=True, kw_only=True):
    """One file of leads and deals."""

    @property
    def found(self) -> DealSummary:
        """What the dry run found in it."""
        return msgspec.convert(self.summary, DealSummary)


def read_file(ctx: Context, site: Site, path: Path, name: str, by: int | None = None) -> DealImport:
    """A file read and staged: a dry run; or refused as a whole, with its problems.

    name     what its user calls it
    raises   UserError when it is no table
    """
    with IMPORTS.reading(ctx.database):
        import_ = IMPORTS.begin_file(ctx, site, name, digest_of(path, site.id), SYSTEM, by, {})
        try:
            with Spill(DealFact) as facts:
                with progress.part(0, 0.9):
                    table = _table(ctx, site, path, import_, facts)
                with progress.part(0.9, 1):
                    found = _found(ctx, site, table, facts)
                count = len(facts)
        except Exception:
            IMPORTS.drop(ctx, site, import_)
            raise
        if table.problems:
            read = IMPORTS.refuse(ctx, site, import_, table.problems)
        else:
            read = IMPORTS.stage_file(ctx, site, import_, path, count, msgspec.to_builtins(found))
    _log.info("crm.file_read", site=site.key, state=read.state, records=count, problems=len(table.problems))
    return read


def _table(ctx: Context, site: Site, path: Path, import_: DealImport, facts: Spill[DealFact]) -> DealTable:
    """Read the file; where it does not say when records were changed, they stand as of the moment of the import."""
    return table_of(path, store.pricing_of(ctx, site), import_.made_at, facts, files.words_of(ctx, site))


def _found(ctx: Context, site: Site, table: DealTable, facts: Spill[DealFact]) -> DealSummary:
    existing = _known(ctx, site, facts)
    return DealSummary(
        fresh=len(facts) - existing, existing=existing, won=table.won, has_stages=table.has_stages,
        unused=table.unused, stages=table.stages, currencies=table.currencies,
    )  # fmt: skip


def _known(ctx: Context, site: Site, facts: Spill[DealFact]) -> int:
    """How many of the records are known already."""
    done = existing = 0
    for batch in facts.batches(BATCH):
        with progress.part(done / len(facts), (done + len(batch)) / len(facts)):
            existing += store.known_of(ctx, site, FILES, batch)
        done += len(batch)
    return existing


def explain(ctx: Context, site: Site, import_: DealImport, form: Mapping[str, str]) -> None:
    """Keep what a person says of stages and currencies, for this file and those to come.

    raises   UserError when the file has words that nobody has explained yet
    """
    if import_.state != "staged":  # confirming says what it has become
        return
    said = words_in(form)
    words, found = files.words_of(ctx, site).with_more(said), import_.found
    if not words.explain(found.stages, found.currencies):
        raise UserError("The file has stages or currencies that are not known.", "Choose what each of them means.")
    if said.stages or said.currencies:
        files.keep_words(ctx, site, words)


def _apply(ctx: Context, site: Site, import_: DealImport) -> None:
    """Block by block, so that a large file costs no memory; where records came from is known when all are in."""
    with Spill(DealFact) as facts, IMPORTS.file_of(ctx, import_) as path:
        with progress.part(0, 0.3):
            table = _table(ctx, site, path, import_, facts)
        if table.problems:  # this version reads more strictly than the one that staged it
            raise table.problems[0].error
        if table.stages or table.currencies:
            raise UserError("The file has stages or currencies that are not known.", "Import the file again.")
        deals, revision = array("Q"), files.words_of(ctx, site).revision
        for batch in facts.batches(BATCH):
            done = len(deals)
            share = (0.3 + 0.4 * done / len(facts), 0.3 + 0.4 * (done + len(batch)) / len(facts))
            with progress.part(*share):
                deals.extend(store.put(ctx, site, FILES, batch, revision, import_.id))
        with progress.part(0.7, 1):
            store.derive(ctx, site, deals)


IMPORTS = RecordImports(
    deal_imports, DealImport, area="deals", page=sentence("See the list of imports on the Deals page."), apply=_apply,
    take_back=lambda ctx, site, import_: store.take_back(ctx, site, import_.id),
    forget_replaced=store.forget_replaced,
)  # fmt: skip
