"""Real engines for all tests: one chDB a process with a two-shard cluster in it, SQLite and PostgreSQL."""

import gc
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from clickhouse_connect.driver import _backendclient, client, query
from httpx._transports import default as httpx_transports

from tandem.accounts import passwords
from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.app import SLICES
from tandem.base import database as record_store
from tandem.base import http
from tandem.base import warehouse as event_store
from tandem.base.config import Config
from tandem.base.database import METADATA, Database
from tandem.base.jobs import rest
from tandem.base.warehouse import Warehouse, migrate
from tandem.collect.store import main_goals
from tandem.core.context import Context
from tandem.metrics.ask import CachedRunner
from tandem.people.store import reload_maps
from tests.cluster import CLUSTER_CONFIG, make_shards
from tests.served import free_port as free_port
from tests.served import migrated as migrated
from tests.served import running as running

ROOT = Path(__file__).parents[1]
# Hashing a password is dear on purpose (0.2 s, 64 MB); what tests prove does not rest on how dear.
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
FILLED = """
    select distinct table from system.parts where active and database = currentDatabase()
    union all
    select 'dictionaries' from system.dictionaries where element_count > 0
"""


def _tuned_without_waiting(connection: Any, record: Any) -> None:
    _tune_sqlite(connection, record)
    connection.execute("pragma synchronous=off")  # for the disk: what a crash leaves is tested on real processes


_tune_sqlite = record_store._tune_sqlite
record_store._tune_sqlite = _tuned_without_waiting
# Each HTTP client reads all certificates anew, which takes 20 ms, longer than most requests.
httpx_transports.create_ssl_context = lru_cache(httpx_transports.create_ssl_context)
# The client reads each question letter by letter, twice, before it asks it: 10 ms for a long one, which is often asked.
for module in (client, _backendclient, query):
    for name in ("_query_is_read_only", "_strip_trailing_semicolons"):
        if hasattr(module, name):
            setattr(module, name, lru_cache(4096)(getattr(module, name)))
# The engine compiles a question to machine code when it is asked again: 30 ms for what a few rows answer in 5. Servers
# in processes of their own compile as they always do.
event_store.READING |= {"compile_expressions": 0, "compile_aggregate_expressions": 0, "compile_sort_description": 0}
TABLES = tuple(table for s in SLICES for table in s.owns)


ROOM, MEMORY = 8 << 30, Path("/dev/shm")
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
    # Stores in memory: what tests wait for is mostly the disk. Tests of full and failing disks make their own.
    tempfile.tempdir = os.environ["TMPDIR"] = str(MEMORY)


class _Hurried(http._Pace):
    """Outside systems are asked without the usual pause; a test of the pause hands in a sleep of its own."""

    def __init__(self, per_second: float, sleep: Any) -> None:
        super().__init__(1000.0 if sleep is rest else per_second, sleep)


http._Pace = _Hurried  # type: ignore[misc]
KINDS = {
    "browser": {"driver"},
    "process": {"running", "served", "seeded", "empty", "small_disk", "server"},
    "postgres": {"postgres"},
}
"""The marks of tests that `make test-fast` leaves out, and the fixtures that they are told by."""


LONG = frozenset((Path(__file__).parent / "long.txt").read_text().split())
"""Tests that take long, all their cases together: `make test-fast` leaves them out. `python -m bench.suite long`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their fixtures; files of the dear kinds come first, or one process works on alone at the end."""
    dear = set[Path]()
    for item in items:
        if item.nodeid.partition("[")[0] in LONG:
            item.add_marker("long")
        for kind, fixtures in KINDS.items():
            if fixtures & set(getattr(item, "fixturenames", ())):
                item.add_marker(kind)
        if any(map(item.get_closest_marker, ("browser", "process"))):
            dear.add(item.path)
    items.sort(key=lambda item: item.path not in dear)


def pytest_collection_finish() -> None:
    """What is there before the first test is there to the end: the collector of garbage need not look at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A folder of this test process."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_warehouse(scratch: Path) -> Iterator[Warehouse]:
    """chDB with all schema; made once, because one process may open one path."""
    config = CLUSTER_CONFIG.format(port=free_port())
    warehouse = Warehouse(f"chdb:///{scratch / 'events'}", server_config=config)
    migrate(warehouse, [step for s in SLICES for step in s.schema()])
    yield warehouse
    warehouse.close()


@pytest.fixture
def warehouse(shared_warehouse: Warehouse) -> Warehouse:
    """The event store, empty."""
    filled = {row[0] for row in shared_warehouse.ask(FILLED).rows}
    for table in filled & set(TABLES):
        shared_warehouse.do(f"truncate table {table}")
    if filled & {"person_rows", "person_news_rows", "dictionaries"}:
        reload_maps(shared_warehouse, is_whole=True)
    return shared_warehouse


@pytest.fixture(scope="session")
def shards(shared_warehouse: Warehouse) -> Warehouse:
    """The same data as two shards of a cluster with the engine's real distributed planner."""
    make_shards(shared_warehouse)
    port_config = shared_warehouse._server_config
    return Warehouse(shared_warehouse.dsn, database="cluster", server_config=port_config)


@pytest.fixture(scope="session")
def postgres(scratch: Path) -> Iterator[str]:
    """The DSN of a PostgreSQL server of this test process; skipped where none is installed."""
    if given := os.environ.get("TANDEM_TEST_POSTGRES"):
        yield given
        return
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip(
            "PostgreSQL is not installed (Debian: apt-get install postgresql); name one in TANDEM_TEST_POSTGRES"
        )
    folder, port = Path(tempfile.mkdtemp(prefix="tandem-pg-")), free_port()
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    program, data = programs[-1], folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "user": user, "check": True}
    subprocess.run([program / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"], **quiet)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    subprocess.run([program / "pg_ctl", "-D", data, "-w", "-o", options, "start"], **quiet)
    yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    subprocess.run([program / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_postgres(postgres: str) -> str:
    """The DSN of the same server, its tables made."""
    with closing(Database(postgres)) as db:
        db.migrate()
    return postgres


@pytest.fixture(scope="session")
def migrated_file(scratch: Path) -> Path:
    """An empty record store to be copied: a copy takes a hundredth of what making its tables takes."""
    path = scratch / "migrated.db"
    with closing(Database(f"sqlite:///{path}")) as db:
        db.migrate()
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """The record store, empty, once on each engine."""
    if request.param == "sqlite":
        yield request.getfixturevalue("database")
        return
    with closing(Database(request.getfixturevalue("migrated_postgres"))) as db:
        with db.write() as connection:
            connection.exec_driver_sql(f"truncate {', '.join(METADATA.tables)} cascade")
        yield db


@pytest.fixture
def database(migrated_file: Path, tmp_path: Path) -> Iterator[Database]:
    """The record store on SQLite, empty."""
    shutil.copy(migrated_file, tmp_path / "records.db")
    with closing(Database(f"sqlite:///{tmp_path / 'records.db'}")) as db:
        yield db


@pytest.fixture
def ctx(warehouse: Warehouse, database: Database, tmp_path: Path) -> Iterator[Context]:
    """A context with empty stores."""
    runner = CachedRunner(warehouse, main_goals=partial(main_goals, database))
    made = Context(Config(data=str(tmp_path / "data")), warehouse, database, SLICES, runner)
    yield made
    made.runner.close()


@pytest.fixture
def site(ctx: Context) -> Site:
    """A site in Warsaw with one admin."""
    workspace = accounts.make_workspace(ctx.database, "Fern")
    accounts.add_user(ctx.database, workspace, "ola@fern.example", "Ola", "admin", "a long password")
    made = accounts.add_site(
        ctx.database, workspace, "fern", "Fern", ["shop.example"], "Europe/Warsaw", "EUR", "cookie"
    )
    ctx.forget_sites()
    return made
