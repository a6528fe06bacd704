"""The event store: ClickHouse in process (chDB), one server, or a cluster. The only caller of its client."""

import re
import shutil
import threading
import time
from collections import UserString
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import clickhouse_connect
import msgspec
import numpy as np
from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DatabaseError,
    DataError,
    NotSupportedError,
    ProgrammingError,
)
from numpy.typing import NDArray

from tandem.base import database
from tandem.base.data_folder import CHDB, IN_USE
from tandem.base.errors import UserError

T = TypeVar("T", bound=msgspec.Struct)
Columns = Mapping[str, Any]  # sequences or numpy arrays of one length
Array = NDArray[Any]

READING = {"do_not_merge_across_partitions_select_final": 1, "optimize_read_in_order": 1}
# The engine's own log of questions would keep visitors' ids after they were erased; a server's log is its operator's.
UNLOGGED = {"log_queries": 0}
# A batch reads what it has just written: inserts reach the shards before they return, and one replica is asked first.
CLUSTERED = {"distributed_foreground_insert": 1, "load_balancing": "in_order"}
WRITING = {"max_threads": 1, "insert_deduplicate": 1}


STORE_FAILS = frozenset({
    16, 23, 24, 32, 33, 40, 47, 60, 74, 75, 76, 77, 81, 87, 88, 95, 96, 107, 164, 172, 198, 202, 203, 204, 209, 210,
    214, 225, 226, 227, 228, 231, 234, 236, 242, 243, 244, 246, 254, 255, 265, 271, 279, 285, 286, 289, 291, 294, 297,
    301, 319, 341, 364, 369, 392, 394, 400, 411, 415, 416, 432, 463, 479, 481, 495, 497, 516, 519, 574, 586, 614,
    641, 659, 673, 677, 692, 696, 734, 735, 749, 762, 774, 904, 999, 1000, 1001, 1018, 1019,
})  # fmt: skip
"""The engine's codes for: no connection, no disk, no right, no such table, files that are damaged, stopping. No data is
the cause of these."""
STORE_IS_SHORT = frozenset({158, 159, 160, 173, 241, 252, 307, 396, 565, 777, 778, 1017, 1020})
"""Its codes for: not enough memory or time, too many parts at once. Less data at a time may pass."""


NOT_ENOUGH_SPACE = 243
DISK_FULL = ("No space left on device", "Disk quota exceeded", "File too large")


class Fault(Enum):
    """Whose fault it is that something could not be stored."""

    STORE = "the store does not work"
    SHORT = "the store has too little memory or time"
    DATA = "the data"


def fault_of(error: Exception) -> Fault:
    """Whose fault an error of storing is: told by the engine's error code, else by the error's class.

    A failed connection to either store has no code, a full or broken disk is an OSError, the record store says by its
    classes whether it or the data was wrong. Whatever else breaks (numbers, texts, types) breaks on the data.
    """
    if isinstance(error, ClickHouseError):
        code = getattr(error, "code", None)
        if code is None:
            is_ours = isinstance(error, (DataError, ProgrammingError, NotSupportedError))
            return Fault.DATA if is_ours else Fault.STORE
        return Fault.STORE if code in STORE_FAILS else Fault.SHORT if code in STORE_IS_SHORT else Fault.DATA
    if isinstance(error, MemoryError):
        return Fault.SHORT
    if isinstance(error, UserError):
        return Fault.STORE if error.status in (409, 503) else Fault.DATA
    return Fault.STORE if isinstance(error, OSError) or database.is_out_of_order(error) else Fault.DATA


def is_disk_full(error: Exception) -> bool:
    """Whether an error of a store or of the system tells of a disk without room.

    The engine has a code for what it refuses to begin; what broke off while it was written has the system's words.
    """
    if not isinstance(error, (OSError, ClickHouseError)) and not database.is_out_of_order(error):
        return False
    is_refused = database.is_full(error) or getattr(error, "code", None) == NOT_ENOUGH_SPACE
    return is_refused or any(words in str(error) for words in DISK_FULL)


class Answer(NamedTuple):
    """Rows as the engine gave them, with what it took."""

    names: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    took_ms: float


class Warehouse:
    """Asks and fills the event store. Safe to share: each thread gets its own client.

    One shared client would serialise its questions; opening one takes 10 ms, so an ended thread leaves its own behind.
    """

    def __init__(
        self,
        dsn: str,
        cluster: str = "",
        memory_mb: int = 1200,
        query_seconds: int = 30,
        database: str = "",
        server_config: str = "",
    ) -> None:
        self.dsn, self.cluster, self.database = dsn, cluster, database
        self._server_config = server_config
        self.is_local = dsn.startswith("chdb:")
        self._options = self._chdb_options(memory_mb) if self.is_local else {}
        self._limit = {"max_execution_time": query_seconds}
        self._settings: dict[str, Any] = {"max_execution_time": 0, **READING}
        # A question or a batch over this goes on on disk instead of failing. Sorting holds at most a quarter of the
        # memory, grouping a share of what is free when it begins: alone it may hold more, beside others less.
        self._settings["max_bytes_before_external_sort"] = memory_mb * 1024 * 1024 // 4
        self._settings["max_bytes_ratio_before_external_group_by"] = 0.3
        if self.is_local:
            self._settings |= UNLOGGED
        if cluster:
            self._settings |= CLUSTERED
        self._memory_mb = memory_mb
        self._clients = threading.local()
        self._opened: dict[threading.Thread, Client] = {}
        self._lock = threading.Lock()
        self._columns: dict[str, dict[str, ClickHouseType]] = {}
        self.reloads = 0
        """How often this process has let the engine read a map again."""

    @property
    def on_cluster(self) -> str:
        """What a statement that every node is to carry out has behind its object; "" without a cluster."""
        return f" on cluster '{self.cluster}'" if self.cluster else ""

    def _chdb_options(self, memory_mb: int) -> dict[str, str]:
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        config = folder.parent / f"{folder.name}.xml"
        text = SERVER_CONFIG.format(
            bytes=memory_mb * 1024 * 1024, backups=folder.parent / "backups", more=self._server_config
        )
        config.write_text(text)
        return {"config-file": str(config)}

    @property
    def folder(self) -> Path:
        """Where the engine in the process keeps its files."""
        return Path(self.dsn.removeprefix(CHDB))

    @property
    def client(self) -> Client:
        """This thread's client, opened when first asked for."""
        client: Client | None = getattr(self._clients, "client", None)
        if client is None:
            client = self._left_behind() or self._open()
            self._clients.client = client
            with self._lock:
                self._opened[threading.current_thread()] = client
        return client

    def _left_behind(self) -> Client | None:
        """The client of a thread that has ended, if there is one."""
        with self._lock:
            ended = next((thread for thread in self._opened if not thread.is_alive()), None)
            return self._opened.pop(ended) if ended else None

    def _open(self) -> Client:
        extra: dict[str, Any] = {"chdb_options": self._options}
        if not self.is_local:
            # Bound values travel in the body: thousands of ids in the address would be more than proxies take.
            extra = {"autogenerate_session_id": False, "form_encode_query_params": True}
        extra["tz_mode"] = "aware"  # else moments of UTC columns would come without their zone
        if self.database:
            extra["database"] = self.database
        try:
            return clickhouse_connect.get_client(dsn=self.dsn, settings=dict(self._settings), **extra)
        except Exception as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> UserError:
        text = str(error)
        if self.is_local and ("lock" in text.lower() or "another" in text.lower() or "initializ" in text.lower()):
            return UserError(*IN_USE, status=409)
        return UserError(
            f"The event store does not respond: {text.splitlines()[0][:300] if text else error!r}",
            "Check TANDEM_EVENTS, and that the server is running. Run `tandem doctor` for details.",
            status=503,
        )

    def ask(self, sql: str, params: Mapping[str, Any] | None = None, **settings: Any) -> Answer:
        """Rows of one question, with the time it took. Values in `params` are bound by the engine.

        Each moment has its zone: UTC, or the one that the question turned it into.
        """
        began = time.perf_counter()
        result = self.client.query(sql, parameters=dict(params or {}), settings={**self._limit, **settings})
        return Answer(tuple(result.column_names), [tuple(r) for r in result.result_rows], _ms_since(began))

    def rows(self, sql: str, shape: type[T], /, **params: Any) -> list[T]:
        """Rows of one question as structs; column names are field names."""
        answer = self.ask(sql, params)
        return [msgspec.convert(dict(zip(answer.names, row, strict=True)), shape, strict=False) for row in answer.rows]

    def arrays(
        self, sql: str, names: Sequence[str], params: Mapping[str, Any] | None = None, **settings: Any
    ) -> dict[str, Array]:
        """The columns `names` of one question as numpy arrays, for millions of rows.

        params   an array in it is bound as text, for the question to `cast({nodes:String}, 'Array(UInt64)')`
        """
        # TRAP: the client binds a list value by value, at a microsecond each, and a text letter by letter. The engine
        # takes another microsecond for each value of an array that is bound as one, a quarter of it for one it casts.
        bound = {k: UserString(str(v.tolist())) if isinstance(v, np.ndarray) else v for k, v in (params or {}).items()}
        with self.client.query_np_stream(sql, parameters=bound, settings={**self._limit, **settings}) as stream:
            columns = list(stream.source.column_names)
            blocks: list[Any] = list(stream)
        if not blocks:  # TRAP: without rows the client gives neither names nor types
            return {name: np.zeros(0, np.uint64) for name in names}
        # TRAP: columns of one type come as planes without names
        at = {name: name if blocks[0].dtype.names else (slice(None), columns.index(name)) for name in names}
        return {name: np.concatenate([block[at[name]] for block in blocks]) for name in names}

    def value(self, sql: str, /, **params: Any) -> Any:
        """The single value of a question, or None without rows."""
        rows = self.ask(sql, params).rows
        return rows[0][0] if rows else None

    def do(self, sql: str, /, params: Mapping[str, Any] | None = None, **settings: Any) -> None:
        """Carry out a statement that gives no rows.

        However long it takes: the limit on questions is for readers, and what writes would only have to begin anew.
        TRAP: for the settings of one statement the client asks the engine for those before, sets them and sets them
        back, which takes twenty times as long as a short statement; so the limit is set for each question instead.
        """
        if params:  # a command would put its values into the address
            self.client.raw_query(sql, parameters=dict(params), settings=settings or None)
        else:
            self.client.command(sql, settings=settings or None)

    def reload(self, dictionary: str) -> None:
        """Let the engine read a map again from its rows, on every node."""
        self.do(f"system reload dictionary{self.on_cluster} {dictionary}")
        self.reloads += 1

    def insert(self, table: str, columns: Columns, token: str = "") -> int:
        """Put columns into a table as one block; the same token a second time does nothing. Returns rows sent."""
        names = list(columns)
        count = len(columns[names[0]])
        if not count:
            return 0
        settings: dict[str, Any] = dict(WRITING)
        if token:
            settings["insert_deduplication_token"] = token
        types = self._types(table, names)
        data = [columns[n] for n in names]
        self.client.insert(table, data, names, column_types=types, column_oriented=True, settings=settings)
        return count

    def _types(self, table: str, names: Sequence[str]) -> list[ClickHouseType]:
        """The types of columns, which the client would ask for at each insert."""
        known = self._columns.setdefault(table, {})
        if not known.keys() >= set(names):
            asked = self.client.create_insert_context(table, names)
            known.update(zip(asked.column_names, asked.column_types, strict=True))
        return [known[name] for name in names]

    def insert_lines(self, table: str, names: Sequence[str], lines: bytes, token: str = "") -> None:
        """Put lines of tab-separated values into a table as one block, for bulk: a third of the time that columns take.

        lines   each with its end; values escaped by `tabbed`, moments in seconds, decimals with a point
        token   the same one a second time does nothing
        """
        settings: dict[str, Any] = {**WRITING, "input_format_parallel_parsing": 0}
        if token:
            settings["insert_deduplication_token"] = token
        self.client.raw_insert(table, list(names), lines, settings=settings, fmt="TabSeparated")

    def is_up(self) -> bool:
        """Whether the store answers at all."""
        try:
            return bool(self.value("select 1") == 1)
        except (ClickHouseError, UserError):
            return False

    def close(self) -> None:
        """Close every thread's client."""
        with self._lock:
            for client in self._opened.values():
                with suppress(Exception):
                    client.close()
            self._opened.clear()
        self._clients = threading.local()


_TABBED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


def tabbed(text: str) -> str:
    """A text as a value of `insert_lines`."""
    is_plain = text.isprintable() and "\\" not in text  # a tenth of what translating costs, and nearly all texts are
    return text if is_plain else text.translate(_TABBED)


# TRAP: in the main file of a configuration a section switches its log on, also one that says `remove`.
# TRAP: the heuristic takes small parts out of a merge again, until the largest part is merged with one at a time.
SERVER_CONFIG = """<clickhouse>
  <max_server_memory_usage>{bytes}</max_server_memory_usage>
  <mark_cache_size>134217728</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <merge_tree>
    <merge_selector_enable_heuristic_to_remove_small_parts_at_right
      >0</merge_selector_enable_heuristic_to_remove_small_parts_at_right>
  </merge_tree>
  <backups><allowed_path>{backups}</allowed_path></backups>
  {more}
</clickhouse>
"""


def _ms_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)


# ── schema: numbered files, one set for one node and for a cluster ─────────────────────────────────────────────────


class Step(NamedTuple):
    """One schema file: its owner, number, name and statements.

    Owner and number are its key, in every store that has seen it: they are never used again and never moved, though the
    file may get another name and the slice another folder (it goes on giving its first owner's name).
    """

    owner: str
    number: int
    name: str
    statements: tuple[str, ...]

    @property
    def key(self) -> str:
        return step_key(self.owner, self.number)

    def __str__(self) -> str:
        return f"{self.key}_{self.name}"


def step_key(owner: str, number: int) -> str:
    return f"{owner}/{number:03d}"


def steps_of(owner: str, folder: Path) -> list[Step]:
    """The schema files of one slice, in order: `NNN_what.sql`, statements parted by a semicolon at a line's end."""
    steps = []
    for file in sorted(folder.glob("[0-9][0-9][0-9]_*.sql")):
        text = "\n".join(line for line in file.read_text().splitlines() if not line.lstrip().startswith("--"))
        parts = tuple(s.strip() for s in re.split(r";\s*(?:\n|$)", text) if s.strip())
        steps.append(Step(owner, int(file.name[:3]), file.stem[4:], parts))
    return steps


STEPS_TABLE = """create table if not exists schema_steps (
    owner String, number UInt32, name String, done DateTime default now()
) engine = MergeTree order by (owner, number)"""


def migrate(warehouse: Warehouse, steps: Sequence[Step]) -> list[str]:
    """Carry out the steps that this store has not seen; returns their names.

    A step is noted after its last statement. Statements are written so that a second run does no harm
    (`if not exists`, `or replace`), so a step cut short by a crash is simply run again.
    """
    for statement in for_layout(STEPS_TABLE, warehouse.cluster):
        warehouse.do(statement)
    if warehouse.is_local:  # the engine's logs, which versions before 0.2.1 let it keep
        shutil.rmtree(warehouse.folder / "data" / "system", ignore_errors=True)
    done = {(o, n) for o, n in warehouse.ask("select owner, number from schema_steps").rows}
    fresh = [step for step in steps if (step.owner, step.number) not in done]
    for step in fresh:
        for statement in step.statements:
            for form in for_layout(statement, warehouse.cluster):
                warehouse.do(form)
        warehouse.insert("schema_steps", {"owner": [step.owner], "number": [step.number], "name": [step.name]})
    return [str(step) for step in fresh]


_TABLE = re.compile(r"create table if not exists (\w+)", re.I)
_VIEW = re.compile(r"create or replace view (\w+)", re.I)
_EVERYWHERE = re.compile(
    r"(?:create (?:or replace (?:function|dictionary)|dictionary if not exists)|drop table if exists) \w+", re.I
)
_ENGINE = re.compile(r"engine = (\w*MergeTree)(\(([^)]*)\))?", re.I)
_SOURCE = re.compile(r"(?<!array )\b(from|join)\s+(\w+)\b(?![.(]|\s+\()", re.I)
_ADDS_COLUMN = re.compile(r"alter table \w+ add column", re.I)
_SHARD = re.compile(r"/\* shard by (.+?) \*/", re.I)


def for_layout(statement: str, cluster: str) -> list[str]:
    """One statement as it must run on this layout: as written on one node, in local and Distributed form on a cluster.

    On a cluster a table T becomes `T_local` (Replicated…) on every node and a Distributed table `T` over it; a view V
    becomes `V_local` over the local tables and a Distributed `V`. So every shard answers for its own visitors.
    A table without a `shard by` note is small: it is replicated whole to every node under its own name. A view without
    one is the same on every node, and has a `_local` twin for the views of shards that read it. Dictionaries and
    functions are made on every node, and tables without shards dropped.
    """
    if not cluster:
        return [statement]
    on = f"on cluster '{cluster}'"
    shard = _SHARD.search(statement)
    if match := _TABLE.search(statement):
        name, local = match[1], f"{match[1]}_local"
        body = _TABLE.sub(f"create table if not exists {local} {on}", statement, count=1)
        shards = "{shard}" if shard else "all"
        if not shard:
            local = name
            body = _TABLE.sub(f"create table if not exists {name} {on}", statement, count=1)
        body = _ENGINE.sub(lambda m: _replicated(m, name, shards), body, count=1)
        body = re.sub(r",?\s*non_replicated_deduplication_window\s*=\s*\d+", "", body)
        body = re.sub(r"\bsettings\s*$", "", body.strip(), flags=re.I)
        return [body, _distributed(name, local, cluster, on, shard[1])] if shard else [body]
    if match := _EVERYWHERE.match(statement):
        return [f"{match[0]} {on}{statement[match.end() :]}"]
    if match := _VIEW.search(statement):
        name, local = match[1], f"{match[1]}_local"
        if not shard:
            whole = _VIEW.sub(f"create or replace view {name} {on}", statement, count=1)
            return [whole, f"create or replace view {local} {on} as select * from {name}"]
        body = _VIEW.sub(f"create or replace view {local} {on}", statement, count=1)
        body = _SOURCE.sub(lambda m: f"{m[1]} {_localised(m[2])}", body)
        # TRAP: a Distributed table keeps the columns it was made with; over a view that got new ones it is made anew.
        return [body, f"drop table if exists {name} {on} sync", _distributed(name, local, cluster, on, shard[1])]
    # A table without shards stands under its own name. The Distributed table over another one has its columns too.
    forms = [""] if "/* whole */" in statement else ["_local", ""] if _ADDS_COLUMN.match(statement) else ["_local"]
    return [re.sub(r"^(alter table \w+)", rf"\1{form} {on}", statement, flags=re.I) for form in forms]


def _localised(name: str) -> str:
    return name if name.lower() in {"select", "system", "numbers"} else f"{name}_local"


def _replicated(engine: re.Match[str], table: str, shards: str) -> str:
    extra = f", {engine[3]}" if engine[3] else ""
    return f"engine = Replicated{engine[1]}('/clickhouse/tables/{shards}/{{database}}/{table}', '{{replica}}'{extra})"


def _distributed(name: str, local: str, cluster: str, on: str, key: str) -> str:
    return (
        f"create table if not exists {name} {on} as {local} "
        f"engine = Distributed('{cluster}', currentDatabase(), '{local}', {key})"
    )


def questions_in(folder: Path) -> dict[str, str]:
    """The questions of a slice by their names: the text of each `.sql` file of this folder."""
    return {path.stem: path.read_text() for path in sorted(folder.glob("*.sql"))}


__all__ = [
    "Answer",
    "Columns",
    "DatabaseError",
    "Fault",
    "Step",
    "Warehouse",
    "fault_of",
    "for_layout",
    "is_disk_full",
    "migrate",
    "questions_in",
    "steps_of",
    "tabbed",
]
