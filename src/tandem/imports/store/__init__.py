"""The life of an import in the record store: read, staged, confirmed, taken back. Slices say what its rows are."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Connection, RowMapping, Table, func, insert, select, update

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.imports.problem import Problem, Wording, problem_of

UNFINISHED = ("reading", "staged", "dropping")
GONE = ("dropping", "dropped")
IDLE = (*UNFINISHED, "refused")
"""The states in which an import counts for nothing, and may be thrown away."""
MOST_SHOWN = 50


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one file, or of one load by an API. `state` is one of

    reading    being read; one whose reader was killed is thrown away
    refused    it had problems, and nothing of it was kept
    staged     read and checked; waits to be confirmed, and counts for nothing yet
    dropping   never confirmed, and about to lose its rows; dropped: thrown away
    and those of its `Imports`: counting, and taken back
    """

    id: int
    site_id: int
    made_at: datetime
    made_by: int | None
    connection_id: int | None
    file: str
    digest: str
    system: str
    state: str
    place: int
    rows: int
    problems: list[Problem]
    notes: list[Problem]
    confirmed_at: datetime | None
    undone_at: datetime | None


I = TypeVar("I", bound=Import)  # noqa: E741


class Imports(Generic[I]):
    """The imports of one slice: a table of its own, with the columns of `Import` and what the slice adds.

    area          whose they are, in the audit log: `ads.imported`
    page          where a user finds their list, a text that pages translate
    wording       what problems say that were stored by their code alone
    counting      the states in which an import counts; the first one is that of a confirmed import
    undone        the state of one that was taken back
    staged_for    how long one may wait to be confirmed
    forget_rows   takes its rows out of the event store
    """

    def __init__(
        self, table: Table, struct: type[I], *, area: str, page: str, wording: Wording, counting: Sequence[str],
        undone: str, staged_for: timedelta, forget_rows: Callable[[Context, Site, I], None],
    ) -> None:  # fmt: skip
        self.table, self.struct, self.area, self.page = table, struct, area, page
        self.wording, self.counting, self.undone = wording, tuple(counting), undone
        self.staged_for, self.forget_rows = staged_for, forget_rows

    def reading(self, db: Database) -> AbstractContextManager[None]:
        """To be held from before an import begins until it is read: what is being read when nobody holds it is cut off.

        Whoever read it was killed, and its import would be neither read on nor thrown away.
        """
        return db.working(f"{self.area}-reading")

    def begin(
        self, db: Database, site: Site, file: str, digest: str, system: str, by: int | None = None,
        connection: int | None = None, **facts: Any,
    ) -> I:  # fmt: skip
        """A new import, being read; `facts` are the columns that the slice adds."""
        values = {
            "site_id": site.id, "made_at": clock.now(), "made_by": by, "connection_id": connection, "file": file[:300],
            "digest": digest, "system": system, "state": "reading", "rows": 0, "problems": [], "notes": [], "place": 0,
            "confirmed_at": None, "undone_at": None, **facts,
        }  # fmt: skip
        with db.write() as c:
            number = int(c.execute(insert(self.table).values(**values)).inserted_primary_key[0])  # type: ignore[index]
        return self.of(db, site, number)

    def of(self, db: Database, site: Site, number: int) -> I:
        """One import of a site.

        raises   UserError (404) when there is none
        """
        t = self.table
        with db.read() as c:
            row = c.execute(select(t).where(t.c.id == number, t.c.site_id == site.id)).mappings().first()
        if row is None:
            raise UserError("There is no such import.", self.page, status=404)
        return self.import_(row)

    def idle(self, db: Database, site: Site, number: int) -> I:
        """One import that counts for nothing, so that it can be thrown away.

        raises   UserError: 404 when there is none, 409 when it counts, is being read, or was thrown away
        """
        import_ = self.of(db, site, number)
        if import_.state in ("staged", "refused"):
            return import_
        if import_.state == "reading":
            raise UserError(
                "This import is still being read.",
                "Wait until it ends. If it was interrupted, it is removed within a few minutes.", status=409,
            )  # fmt: skip
        if import_.state in self.counting:
            raise UserError("This import has already been applied.", "Undo the import instead.", status=409)
        raise UserError("This import is already undone or discarded.", "Reload the page.", status=409)

    def newest(self, db: Database, site: Site, most: int = MOST_SHOWN) -> list[I]:
        """The imports of a site, newest first; those that were thrown away are left out."""
        t = self.table
        query = select(t).where(t.c.site_id == site.id, t.c.state.not_in(GONE)).order_by(t.c.id.desc()).limit(most)
        with db.read() as c:
            return [self.import_(row) for row in c.execute(query).mappings()]

    def that_count(self, db: Database, site: Site) -> list[I]:
        """The imports that count, in the order of their confirmation: a later one replaces what it tells of."""
        t = self.table
        query = select(t).where(t.c.site_id == site.id, t.c.state.in_(self.counting)).order_by(t.c.place)
        with db.read() as c:
            return [self.import_(row) for row in c.execute(query).mappings()]

    def counting_already(self, db: Database, site: Site, digest: str) -> I | None:
        """The import that holds this very file and counts, if there is one."""
        t = self.table
        query = select(t).where(t.c.site_id == site.id, t.c.digest == digest, t.c.state.in_(self.counting))
        with db.read() as c:
            row = c.execute(query.order_by(t.c.id.desc())).mappings().first()
        return self.import_(row) if row else None

    def that_may_count(self, db: Database, site: Site) -> list[I]:
        """The imports that count, and those that may come to."""
        t = self.table
        query = select(t).where(t.c.site_id == site.id, t.c.state.in_(("reading", "staged", *self.counting)))
        with db.read() as c:
            return [self.import_(row) for row in c.execute(query).mappings()]

    def _give_up_cut_off(self, db: Database) -> None:
        """Imports whose reader was killed; none while another one is being read, in whatever process."""
        is_reading = self.table.c.state == "reading"
        with db.read() as c:
            if c.execute(select(self.table.c.id).where(is_reading).limit(1)).first() is None:
                return
        with db.unattended(f"{self.area}-reading") as is_unattended:
            if is_unattended:
                with db.write() as c:
                    c.execute(update(self.table).where(is_reading).values(state="dropping"))

    def note_refused(self, db: Database, site: Site, import_: I, problems: Sequence[Problem]) -> I:
        """Keep of an import only what was wrong with it."""
        self.move(db, import_, IDLE, "refused", problems=[msgspec.to_builtins(p) for p in problems])
        return self.of(db, site, import_.id)

    def note_staged(self, db: Database, site: Site, import_: I, **facts: Any) -> I:
        """An import is read whole and waits to be confirmed.

        raises   UserError (409) when it was thrown away meanwhile
        """
        with db.write() as c:
            self.stage(c, import_, **facts)
        return self.of(db, site, import_.id)

    def stage(self, c: Connection, import_: I, **facts: Any) -> None:
        """The same, as part of a transaction."""
        if not move(c, self.table, import_.id, ("reading",), "staged", **facts):
            raise UserError(
                "This import was thrown away while it was being read.", "Import the file again.", status=409
            )

    def note_confirmed(self, db: Database, site: Site, import_: I, by: int | None, **facts: Any) -> I:
        """A staged import counts from now on; in the audit log.

        raises   UserError (409) when it is not staged
        """
        t = self.table
        values: dict[str, Any] = {"state": self.counting[0], "confirmed_at": clock.now(), **facts}
        with db.write() as c:
            last = c.execute(select(func.max(t.c.place)).where(t.c.site_id == site.id)).scalar()
            values["place"] = clock.version_after(last or 0, clock.now_ns())
            if not move(c, t, import_.id, ("staged",), **values):
                raise UserError("This import is not waiting for confirmation.", "Reload the page.", status=409)
            self._audit(c, site, by, "imported", import_)
        return self.of(db, site, import_.id)

    def note_undone(self, db: Database, site: Site, import_: I, by: int | None) -> I:
        """An import counts no longer; in the audit log.

        raises   UserError (409) when it does not count
        """
        t = self.table
        with db.write() as c:
            if not move(c, t, import_.id, self.counting, self.undone, undone_at=clock.now()):
                raise UserError("This import is not applied, so it cannot be undone.", "Reload the page.", status=409)
            self._audit(c, site, by, "import_undone", import_)
        return self.of(db, site, import_.id)

    def drop(self, ctx: Context, site: Site, import_: I) -> bool:
        """Throw away an import and its rows; returns whether it was. One that counts by now is left alone.

        Cut off in between, the import is thrown away again later.
        """
        if not self.move(ctx.database, import_, IDLE, "dropping"):
            return False
        self.forget_rows(ctx, site, import_)
        return self.move(ctx.database, import_, ("dropping",), "dropped")

    def drop_old(self, ctx: Context, sites: Mapping[int, Site]) -> int:
        """Throw away what was never confirmed, and what is left of imports that were cut off; returns how many."""
        self._give_up_cut_off(ctx.database)
        t = self.table
        is_old = t.c.state.in_(UNFINISHED) & (t.c.made_at < clock.now() - self.staged_for)
        query = select(t.c.site_id, t.c.id).where(is_old | (t.c.state == "dropping"))
        with ctx.database.read() as c:
            rows = [(sites[row.site_id], row.id) for row in c.execute(query) if row.site_id in sites]
        return sum(self.drop(ctx, site, self.of(ctx.database, site, number)) for site, number in rows)

    def move(self, db: Database, import_: I, since: Sequence[str], state: str, **values: Any) -> bool:
        """Give an import another state if its state is one of `since` at this moment; returns whether it is."""
        with db.write() as c:
            return move(c, self.table, import_.id, since, state, **values)

    def import_(self, row: RowMapping | Mapping[str, Any]) -> I:
        """A row of the table as a struct."""
        facts = {name: row[name] for name in self.struct.__struct_fields__}
        for name in ("problems", "notes"):
            facts[name] = [self._problem(stored) for stored in facts[name]]
        return self.struct(**facts)

    def _problem(self, stored: dict[str, Any]) -> Problem:
        if "what" in stored or not stored.get("code"):
            return msgspec.convert(stored, Problem)
        return problem_of(self.wording, stored["code"], stored.get("line", 0), **stored.get("values", {}))

    def _audit(self, c: Any, site: Site, by: int | None, act: str, import_: I) -> None:
        note(c, site.workspace_id, by, f"{self.area}.{act}", import_.file, system=import_.system, rows=import_.rows)


def move(c: Connection, table: Table, number: int, since: Sequence[str], state: str, **values: Any) -> bool:
    """Give an import another state if its state is one of `since` at this moment; returns whether it is.

    Two at once, of which one confirms and one throws away, would else both believe that they had decided.
    """
    is_so = (table.c.id == number, table.c.state.in_(since))
    return c.execute(update(table).where(*is_so).values(state=state, **values)).rowcount == 1
