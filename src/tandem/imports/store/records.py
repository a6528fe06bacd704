"""Files whose rows tell of records that are known from elsewhere too: applied from a sealed copy, and undone exactly.

Costs of a day can be counted or not; a call or a deal is the union of what several sources tell. So what an import
replaces is kept beside it for a while, and undoing puts that back.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    select,
    update,
)

from tandem.accounts.model import Site
from tandem.base import clock, log, progress
from tandem.base.database import METADATA, WATCHED_S, UtcDateTime
from tandem.base.errors import UserError
from tandem.base.warehouse import Fault, fault_of
from tandem.core.context import Context
from tandem.imports.problem import Problem, Wording, from_error, from_fault, sentence
from tandem.imports.store import Import, Imports, kept, move
from tandem.imports.uploads import on_disk

UNDONE_WITHIN = timedelta(days=90)
"""How long what an import replaced is kept, and so how long it can be undone."""
STAGED_FOR = timedelta(days=1)
AT_WORK = ("applying", "undoing")
WORDING: Wording = {
    "failed": (sentence("This file was not imported, or only in part."), sentence("Import the file again.")),
}
"""Of files that versions before 0.3.6 gave up."""
UNREADABLE = Problem(what=sentence("The file was encrypted with another key."), cure=sentence("Import the file again."))

_log = log.get("imports")


def table_of_imports(name: str) -> Table:
    """The table of the imports of one slice."""
    return Table(
        name,
        METADATA,
        Column("id", Integer, primary_key=True),
        Column("site_id", ForeignKey("sites.id"), nullable=False),
        Column("made_at", UtcDateTime, nullable=False),
        Column("made_by", Integer, nullable=True),
        Column("connection_id", Integer, nullable=True),
        Column("file", String(300), nullable=False),
        Column("digest", String(64), nullable=False),
        Column("system", String(20), nullable=False),
        Column("state", String(20), nullable=False),
        Column("place", BigInteger, nullable=False),  # order of confirmation; 0 while it does not count
        Column("rows", Integer, nullable=False),
        Column("problems", JSON, nullable=False),
        Column("notes", JSON, nullable=False),
        Column("confirmed_at", UtcDateTime, nullable=True),
        Column("undone_at", UtcDateTime, nullable=True),
        Column("hints", JSON, nullable=False),
        Column("summary", JSON, nullable=False),
        Column("left", Integer, nullable=False),
        Index(f"ix_{name}_site_state", "site_id", "state"),
    )


class RecordImport(Import, frozen=True, kw_only=True):
    """One file of records. Beside the states of every import it may be

    applying   confirmed, and on its way in; applied: its records are in; final: they are, for too long to be undone
    undoing    taken back, and on its way out; undone: what it replaced stands as before

    hints      how its user said it is to be read
    summary    what the dry run found, as the page shows it
    left       how many of its records undoing left alone, because something newer was told of them
    """

    hints: dict[str, Any]
    summary: dict[str, Any]
    left: int

    @property
    def is_undoable(self) -> bool:
        """Whether what it replaced is still kept."""
        at = self.confirmed_at
        return self.state == "applied" and at is not None and at > clock.now() - UNDONE_WITHIN


R = TypeVar("R", bound=RecordImport)


class RecordImports(Imports[R]):
    """The record imports of one slice. What is decided is durable before it is carried out.

    apply            brings the records of a file in, keeping what they replace
    take_back        puts back what was replaced; returns how many records it left alone, being told of anew since
    forget_replaced  forgets what these imports replaced
    The first two are done again after a crash, and do no harm then.
    """

    def __init__(
        self, table: Table, struct: type[R], *, area: str, page: str, apply: Callable[[Context, Site, R], None],
        take_back: Callable[[Context, Site, R], int],
        forget_replaced: Callable[[Context, Site, Sequence[int]], None],
    ) -> None:  # fmt: skip
        super().__init__(
            table, struct, area=area, page=page, wording=WORDING, counting=("applying", "applied", "final"),
            undone="undoing", staged_for=STAGED_FOR, forget_rows=self._forget_file,
        )  # fmt: skip
        self.apply, self.take_back, self.forget_replaced = apply, take_back, forget_replaced
        self._working = f"{area}-records"

    def begin_file(
        self, ctx: Context, site: Site, name: str, digest: str, system: str, by: int | None, hints: Mapping[str, Any]
    ) -> R:
        """A new import, being read."""
        return self.begin(ctx.database, site, name, digest, system, by, hints=dict(hints), summary={}, left=0)

    def stage_file(self, ctx: Context, site: Site, import_: R, path: Path, rows: int, summary: Mapping[str, Any]) -> R:
        """A file is read whole: it is kept, and waits to be confirmed."""
        with ctx.database.write() as c:
            kept.keep(ctx, c, self.area, import_.id, path)
            self.stage(c, import_, rows=rows, summary=dict(summary))
        return self.of(ctx.database, site, import_.id)

    def refuse(self, ctx: Context, site: Site, import_: R, problems: Sequence[Problem]) -> R:
        """Keep of an import only what was wrong with it."""
        return self.opened(ctx, self.note_refused(ctx.database, site, import_, [_sealed(ctx, problems)]))

    def opened(self, ctx: Context, import_: R) -> R:
        """The import with its problems, which are sealed where they are stored: they quote cells of the file."""
        sealed = [problem.values["sealed"] for problem in import_.problems if "sealed" in problem.values]
        if not sealed:
            return import_
        text = ctx.vault.try_open(sealed[0])
        problems = [UNREADABLE] if text is None else msgspec.json.decode(text, type=list[Problem])
        return msgspec.structs.replace(import_, problems=problems)

    @contextmanager
    def file_of(self, ctx: Context, import_: R) -> Iterator[Path]:
        """The file of an import, on disk for as long as it is read.

        raises   UserError when another key sealed it
        """
        with on_disk(kept.body(ctx, self.area, import_.id)) as path:
            yield path

    def confirm(self, ctx: Context, site: Site, import_: R, by: int | None) -> R:
        """Make a staged import count.

        raises   UserError (409) when it is not staged, or another import of the site is on its way; what applying
                 raises: where the file is at fault, it is refused and taken out again, else it is applied later
        """
        progress.for_good()
        with ctx.database.working(self._working):
            with ctx.database.turn(self._working, site.id, WATCHED_S):
                self._must_be_free(ctx, site)
                import_ = self.note_confirmed(ctx.database, site, import_, by)
            return self._carried_out(ctx, site, import_)

    def undo(self, ctx: Context, site: Site, import_: R, by: int | None) -> R:
        """Take an import back: what it told of first goes, what it changed stands as before.

        raises   UserError (409) when it does not count, is too old, or another import of the site is on its way
        """
        progress.for_good()
        with ctx.database.working(self._working):
            with ctx.database.turn(self._working, site.id, WATCHED_S):
                self._must_be_free(ctx, site)
                import_ = self.of(ctx.database, site, import_.id)
                if import_.state in ("applied", "final") and not import_.is_undoable:
                    raise UserError(
                        "This import can no longer be undone.",
                        "Imports can be undone for 90 days. Correct the records at their source and import them again.",
                        status=409,
                    )
                import_ = self.note_undone(ctx.database, site, import_, by)
            return self._carried_out(ctx, site, import_)

    def finish(self, ctx: Context) -> None:
        """Carry out what was decided and cut off; one import that fails does not stop the next. Then tidy up.

        raises   the first error of the store, once every import had its turn; these are tried again
        """
        trouble: Exception | None = None
        for site, import_ in self._cut_off(ctx):
            try:
                with ctx.database.working(self._working):
                    self._carried_out(ctx, site, import_)
            except Exception as error:  # noqa: BLE001 - the edge: a file that breaks us must not stop the next
                if not _is_of_file(error):
                    trouble = trouble or error
        if trouble is not None:
            raise trouble
        sites = {site.id: site for site in ctx.sites().values()}
        self.drop_old(ctx, sites)
        self._forget_old(ctx, sites)

    def is_at_work(self, ctx: Context) -> bool:
        """Whether an import of any site is being read, or on its way in or out."""
        query = select(self.table.c.id).where(self.table.c.state.in_((*AT_WORK, "reading"))).limit(1)
        with ctx.database.read() as c:
            return c.execute(query).first() is not None

    def drop_staged(self, ctx: Context) -> None:
        """Throw away the files that wait to be confirmed, whoever is in them."""
        sites = {site.id: site for site in ctx.sites().values()}
        for site, import_ in self._in(ctx, sites, self.table.c.state == "staged"):
            self.drop(ctx, site, import_)

    def settle(self, ctx: Context) -> None:
        """Leave nothing on its way in before an erasure: finish what was decided, throw away what waits.

        raises   UserError (409) while a file is being read or imported
        """
        self.finish(ctx)
        self.drop_staged(ctx)
        if self.is_at_work(ctx):
            raise UserError("A file is still being imported.", "Run the command again in ten minutes.", status=409)

    def _must_be_free(self, ctx: Context, site: Site) -> None:
        """Two at once would each keep as replaced what the other one is about to replace."""
        t = self.table
        with ctx.database.read() as c:
            file = c.execute(select(t.c.file).where(t.c.site_id == site.id, t.c.state.in_(AT_WORK)).limit(1)).scalar()
        if file is not None:
            raise UserError(
                "Another import is being applied or undone: %(file)s.", "Wait until it ends.", status=409, file=file
            )

    def _carried_out(self, ctx: Context, site: Site, import_: R) -> R:
        if import_.state == "undoing":
            return self._ended(ctx, site, import_, "undone", left=self.take_back(ctx, site, import_))
        try:
            self.apply(ctx, site, import_)
        except Exception as error:
            if not _is_of_file(error):
                raise
            _log.error("imports.broke", area=self.area, site=site.key, id=import_.id, exc_info=True)
            problem = from_error(error) if isinstance(error, UserError) else from_fault(error)
            left = self.take_back(ctx, site, import_)
            self._ended(
                ctx, site, import_, "refused", problems=[msgspec.to_builtins(_sealed(ctx, [problem]))], left=left
            )
            raise
        return self._ended(ctx, site, import_, "applied")

    def _ended(self, ctx: Context, site: Site, import_: R, state: str, **facts: Any) -> R:
        with ctx.database.write() as c:
            kept.forget(c, self.area, import_.id)
            move(c, self.table, import_.id, (import_.state,), state, **facts)
        if state != "applied":
            self.forget_replaced(ctx, site, [import_.id])
        _log.info("imports.ended", area=self.area, site=site.key, id=import_.id, state=state)
        return self.of(ctx.database, site, import_.id)

    def _forget_file(self, ctx: Context, site: Site, import_: R) -> None:
        with ctx.database.write() as c:
            kept.forget(c, self.area, import_.id)

    def _cut_off(self, ctx: Context) -> list[tuple[Site, R]]:
        """What was decided and nobody carries out any more, in the order in which it was decided."""
        sites = {site.id: site for site in ctx.sites().values()}
        is_cut_off = self.table.c.state.in_(AT_WORK)
        if not self._in(ctx, sites, is_cut_off):
            return []
        with ctx.database.unattended(self._working) as is_unattended:
            # Looked at again: what has just come to its end would be applied without its file, and taken back for that.
            return self._in(ctx, sites, is_cut_off) if is_unattended else []

    def _forget_old(self, ctx: Context, sites: Mapping[int, Site]) -> None:
        """What an import replaced is kept for as long as it can be undone."""
        is_old = self.table.c.confirmed_at < clock.now() - UNDONE_WITHIN
        imports = self._in(ctx, sites, (self.table.c.state == "applied") & is_old)
        by_site = dict[int, list[int]]()
        for site, import_ in imports:
            by_site.setdefault(site.id, []).append(import_.id)
        for number, ids in by_site.items():
            with ctx.database.write() as c:
                c.execute(update(self.table).where(self.table.c.id.in_(ids)).values(state="final"))
            self.forget_replaced(ctx, sites[number], ids)

    def _in(self, ctx: Context, sites: Mapping[int, Site], where: ColumnElement[bool]) -> list[tuple[Site, R]]:
        query = select(self.table).where(where).order_by(self.table.c.id)
        with ctx.database.read() as c:
            imports = [self.import_(row) for row in c.execute(query).mappings()]
        return [(sites[one.site_id], one) for one in imports if one.site_id in sites]


def _sealed(ctx: Context, problems: Sequence[Problem]) -> Problem:
    return Problem(values={"sealed": ctx.vault.seal(msgspec.json.encode(list(problems)).decode())})


def _is_of_file(error: Exception) -> bool:
    """Whether the file is at fault, and not a store that is busy or down, and may take it later."""
    return error.status < 500 if isinstance(error, UserError) else fault_of(error) is Fault.DATA
