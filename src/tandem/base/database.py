"""The record store: SQLite (WAL) by default, PostgreSQL when the DSN says so."""

import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Dialect,
    Engine,
    MetaData,
    Table,
    TypeDecorator,
    create_engine,
    event,
    inspect,
    select,
    text,
)
from sqlalchemy import DateTime as _DateTime
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tandem.base.errors import UserError
from tandem.base.gate import Gate, acquired, lock_file, too_late

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)
PATIENCE_S = 600.0
"""How long work waits for its turn; where a person waits for it, it waits for `WATCHED_S`."""
WATCHED_S = 20.0
ANYBODY = ("anybody", 0)
"""What everybody with a turn shares, and only whoever is alone has for themselves."""
LOCK_NOT_AVAILABLE = "55P03"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite forgets the zone, so it is put back when read."""

    impl = _DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return moment


def wait_for_turn(connection: Connection, table: Table, row_id: int) -> None:
    """Let writers who look before they write have their turns one after another: each sees what the one before wrote.

    row_id   what they agree on, such as the site whose goals they look through
    Lasts until the transaction ends. SQLite has one writer at a time anyway.
    """
    connection.execute(select(table.c.id).where(table.c.id == row_id).with_for_update())


def is_out_of_order(error: Exception) -> bool:
    """Whether an error tells of the record store itself (no connection, no room, no such table), not of values."""
    is_stores = isinstance(error, DBAPIError) and not isinstance(error, (DataError, IntegrityError))
    return is_stores or isinstance(error, (sqlite3.Error, PoolTimeout))


def is_full(error: BaseException | None) -> bool:
    """Whether an error tells that the disk of the record store takes no more."""
    cause = error.orig if isinstance(error, StatementError) else error
    return isinstance(cause, sqlite3.OperationalError) and cause.sqlite_errorcode in NO_ROOM


class Database:
    """Connections to the record store. `read()` and `write()` give a connection; `write()` commits at its end."""

    def __init__(self, dsn: str) -> None:
        self.dsn = _with_driver(dsn)
        self.is_sqlite = self.dsn.startswith("sqlite")
        if (file := self._file) is not None:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite gives the write-ahead log beside it the same mode.
            os.close(os.open(file, os.O_CREAT | os.O_RDONLY, 0o600))
        self.engine: Engine = create_engine(
            self.dsn,
            pool_pre_ping=not self.is_sqlite,
            hide_parameters=True,  # they are personal data, errors are logged
        )
        if self.is_sqlite:
            event.listen(self.engine, "connect", _tune_sqlite)
            event.listen(self.engine, "begin", _begin_immediate)
        self._turns: dict[tuple[str, int], threading.Lock] = {}
        self._gate, self._here = Gate(), _Here()
        self._workers, self._workers_lock = dict[str, tuple[int, ExitStack]](), threading.Lock()

    @property
    def _file(self) -> Path | None:
        """The file of SQLite; none for a store in memory or on a server."""
        path = self.dsn.partition("sqlite:///")[2]
        return Path(path) if path not in {"", ":memory:"} else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with _values_explained(), self.engine.connect().execution_options(is_reading=True) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with _values_explained(), self.engine.begin() as connection:
            yield connection

    def turn(self, of: str, number: int, within_s: float = PATIENCE_S) -> AbstractContextManager[None]:
        """One at a time among all threads and processes of this store, for those who look before they write elsewhere.

        of, number   what they agree on, such as the calls of a site
        raises       UserError (503) when the turn does not come `within_s`
        The event store knows no transactions: without a turn the one who writes last undoes what another has just
        written. Other writers of the record store do not wait, so the holder may write there too, and ask for the same
        turn once more.
        """
        return self._held([(of, number)], time.monotonic() + within_s)

    def beside_others(self, within_s: float = PATIENCE_S) -> AbstractContextManager[None]:
        """For those who wait for nobody but for whoever is alone."""
        return self._held([], time.monotonic() + within_s)

    @contextmanager
    def working(self, on: str) -> Iterator[None]:
        """While this lasts and its process lives, `unattended` is not true of it in any process of this store.

        Nobody waits for whoever works so. However many do in a process, they take one lock, and so one connection.
        """
        with self._workers_lock:
            count, lock = self._workers.get(on, (0, ExitStack()))
            if not count:
                lock.enter_context(self._locked_for_processes([((on, 0), True)], time.monotonic() + PATIENCE_S))
            self._workers[on] = count + 1, lock
        try:
            yield
        finally:
            with self._workers_lock:
                count, lock = self._workers.pop(on)
                if count > 1:
                    self._workers[on] = count - 1, lock
                else:
                    lock.close()

    @contextmanager
    def unattended(self, on: str) -> Iterator[bool]:
        """Whether nobody works on it, in no process; nobody begins to while this lasts, so it must be short."""
        with self._workers_lock, ExitStack() as lock:
            is_unattended = on not in self._workers
            if is_unattended:
                try:
                    lock.enter_context(self._locked_for_processes([((on, 0), False)], time.monotonic()))
                except UserError:  # another process works on it
                    is_unattended = False
            yield is_unattended

    @contextmanager
    def alone(self, within_s: float = PATIENCE_S) -> Iterator[None]:
        """While nobody has a turn, of whatever; newcomers wait.

        raises   UserError (503) when those who have one do not come to an end `within_s`
        """
        until, mine = time.monotonic() + within_s, self._here.turns
        assert not mine, "whoever has a turn would wait for themselves"
        with self._gate.alone(until), self._locked_for_processes([(ANYBODY, False)], until):
            mine.add(ANYBODY)
            self._here.is_alone = True
            try:
                yield
            finally:
                self._here.is_alone = False
                mine.clear()

    @contextmanager
    def _held(self, keys: Sequence[tuple[str, int]], until: float) -> Iterator[None]:
        mine, is_inside = self._here.turns, ANYBODY in self._here.turns
        keys = [] if self._here.is_alone else [key for key in keys if key not in mine]
        with ExitStack() as stack:
            # Threads first: of those who wait only one a process takes a connection. Who is inside does not go in
            # again: they would wait for whoever waits for them to be alone.
            if not is_inside:
                stack.enter_context(self._gate.beside_others(until))
            for key in keys:
                stack.enter_context(acquired(self._turns.setdefault(key, threading.Lock()), until))
            fresh = [*([] if is_inside else [ANYBODY]), *keys]
            stack.enter_context(self._locked_for_processes([(key, key == ANYBODY) for key in fresh], until))
            mine.update(fresh)
            stack.callback(mine.difference_update, fresh)
            yield

    @contextmanager
    def _locked_for_processes(self, wanted: Sequence[tuple[tuple[str, int], bool]], until: float) -> Iterator[None]:
        """wanted   keys, and whether each may be shared"""
        file = self._file
        if not wanted or (self.is_sqlite and file is None):
            yield
        elif not self.is_sqlite:
            with self.engine.begin() as connection:  # the locks end with the transaction, also with a lost connection
                for key, is_shared in wanted:
                    _lock_advisory(connection, key, is_shared, until)
                yield
        else:
            # TRAP: a transaction of SQLite would hold up every writer of the store, the holder's other connections too.
            with ExitStack() as stack:
                for (of, number), is_shared in wanted:
                    path = f"{file}.{of}-{number}"
                    lock = stack.enter_context(open(os.open(path, os.O_CREAT | os.O_RDWR, 0o600)))
                    lock_file(lock.fileno(), is_shared, until)
                yield

    def migrate(self, revision: str = "head") -> None:
        """Bring the tables to the newest form, or up to the form of `revision`.

        raises   UserError when the store does not answer, or has a form that only a newer version knows
        """
        if (file := self._file) is not None:
            _close_to_others(file)
        try:
            with _values_explained(), self.engine.begin() as connection:
                form = _form_of(connection)
                if form is not None and not self.knows(form):
                    raise UserError(
                        "The record store was used by a newer version of Tandem (schema %(found)s).",
                        "Install that version again, or restore a backup from before the upgrade.",
                        status=409, found=form,
                    )  # fmt: skip
                if form != (_newest_form() if revision == "head" else revision):
                    _upgrade(connection, revision)
        except OperationalError as error:
            raise UserError(
                f"The record store does not respond: {str(error.orig).splitlines()[0]}",
                "Check TANDEM_RECORDS, and that the database server is running.",
                status=503,
            ) from error

    def revision(self) -> tuple[str | None, str | None]:
        """The form the tables have, and the newest one known."""
        with self.engine.connect() as connection:
            return _form_of(connection), _newest_form()

    def knows(self, revision: str) -> bool:
        """Whether this version of Tandem has a form of that name."""
        return revision in _forms()

    def ping(self) -> None:
        """Ask the store for nothing; raises what its driver does when it does not answer."""
        with self.read() as connection:
            connection.exec_driver_sql("select 1")

    def forget_deleted(self) -> None:
        """Take what was deleted out of SQLite's write-ahead log too, so that it is in no file.

        While somebody else writes the log cannot be cut; SQLite cuts it itself a little later.
        """
        if self.is_sqlite:
            # TRAP: a connection of the engine begins a transaction first, and inside one the log is never cut.
            connection = self.engine.raw_connection()
            with suppress(sqlite3.OperationalError), closing(connection):
                connection.cursor().execute("pragma wal_checkpoint(truncate)")

    def close(self) -> None:
        self.engine.dispose()


class _Here(threading.local):
    """The turns that this thread has."""

    def __init__(self) -> None:
        self.turns, self.is_alone = set[tuple[str, int]](), False


def _lock_advisory(connection: Connection, key: tuple[str, int], is_shared: bool, until: float) -> None:
    """Lock for the transaction of a connection to PostgreSQL."""
    left_ms = max(1, round((until - time.monotonic()) * 1000))
    connection.execute(text("select set_config('lock_timeout', :ms, true)"), {"ms": str(left_ms)})
    lock = text(f"select pg_advisory_xact_lock{'_shared' if is_shared else ''}(hashtext(:of), :number)")
    try:
        connection.execute(lock, {"of": key[0], "number": key[1]})
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", "") == LOCK_NOT_AVAILABLE:
            raise too_late() from error
        raise


@contextmanager
def _values_explained() -> Iterator[None]:
    """A value that no column takes (too long, too large, a zero byte) is the sender's mistake, not a bug of ours."""
    try:
        yield
    except (StatementError, OverflowError, UnicodeEncodeError) as error:
        cause = error.orig if isinstance(error, StatementError) else error
        if isinstance(error, DataError) or isinstance(cause, (OverflowError, UnicodeEncodeError)):
            raise UserError(
                "A value is too long, too large, or contains characters that cannot be stored.", "Shorten it."
            ) from error
        if is_full(error):
            raise UserError(
                "The disk of the record store is full, so nothing was changed.",
                "Free some space, then try again.",
                status=503,
            ) from error
        raise


def _close_to_others(path: Path) -> None:
    """A store that an earlier version made for everybody to read is for its owner only from now on."""
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        with suppress(FileNotFoundError, PermissionError):  # what belongs to somebody else, `tandem doctor` tells
            file.chmod(0o600)


# ── forms of the tables ──

_MIGRATIONS = Path(__file__).parent / "migrations"
_FORMER = re.compile(r'^down_revision = "(\w+)"', re.M)


def _form_of(connection: Connection) -> str | None:
    """The form that the tables have; None when there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("select version_num from alembic_version")).scalar()


def _forms() -> dict[str, str | None]:
    """Every form this version knows, and the one before it."""
    paths = (_MIGRATIONS / "versions").glob("[0-9]*.py")
    return {p.name.partition("_")[0]: match[1] if (match := _FORMER.search(p.read_text())) else None for p in paths}


def _newest_form() -> str:
    (newest,) = _forms().keys() - set(_forms().values())
    return newest


def _upgrade(connection: Connection, revision: str) -> None:
    from alembic import command  # a tenth of a second, which only an upgrade needs
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def upsert(connection: Connection, table: Table) -> Any:
    """An insert that takes `on_conflict_…`, in the dialect of this store, the only one that a process loads."""
    return import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(table)


def _with_driver(dsn: str) -> str:
    for name in ("postgresql://", "postgres://"):
        if dsn.startswith(name):
            return "postgresql+psycopg://" + dsn.removeprefix(name)
    return dsn


def _tune_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000", "secure_delete=ON"):
        connection.execute(f"pragma {pragma}")


def _begin_immediate(connection: Connection) -> None:
    # TRAP: a deferred transaction that turns into a writer fails at once when another writes; an immediate one waits.
    reading = connection.get_execution_options().get("is_reading", False)
    connection.exec_driver_sql("begin" if reading else "begin immediate")
