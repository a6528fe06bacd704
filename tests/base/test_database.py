"""The record store on both engines: moments, migrations, transactions."""

import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError

from tandem.accounts.tables import workspaces
from tandem.base import database
from tandem.base.database import METADATA, Database
from tandem.base.errors import UserError
from tests.served import eventually

AT = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)


def test_a_moment_comes_back_in_utc_to_the_microsecond(any_database: Database) -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    with any_database.write() as c:
        c.execute(insert(workspaces).values(name="n", made_at=elsewhere))
    with any_database.read() as c:
        found = c.execute(select(workspaces.c.made_at)).scalar_one()
    assert found == AT
    assert found.utcoffset() == timedelta(0)


def test_a_full_disk_is_said_in_words_and_changes_nothing(database: Database) -> None:
    with database.write() as c:
        pages = c.exec_driver_sql("pragma page_count").scalar_one()
        c.exec_driver_sql(f"pragma max_page_count = {pages}")
    with pytest.raises(UserError, match="is full") as told, database.write() as c:
        c.execute(insert(workspaces), [{"name": "n" * 200, "made_at": AT}] * 200)
    assert told.value.status == 503
    with database.read() as c:
        assert not c.execute(select(workspaces.c.name)).all()


def test_moments_of_different_zones_compare_right(any_database: Database) -> None:
    later = (AT + timedelta(minutes=1)).astimezone(timezone(timedelta(hours=-9)))
    with any_database.write() as c:
        c.execute(insert(workspaces), [{"name": "a", "made_at": later}, {"name": "b", "made_at": AT}])
    with any_database.read() as c:
        assert c.execute(select(workspaces.c.name).where(workspaces.c.made_at < later)).scalars().all() == ["b"]


def test_a_moment_without_a_zone_is_a_mistake_of_ours(any_database: Database) -> None:
    with pytest.raises(StatementError, match="time zone"), any_database.write() as c:
        c.execute(insert(workspaces).values(name="n", made_at=datetime(2026, 1, 1)))


def test_migrating_twice_changes_nothing_and_the_tables_are_those_of_the_code(any_database: Database) -> None:
    any_database.migrate()
    found, newest = any_database.revision()
    assert found == newest is not None
    with any_database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [d for d in compare_metadata(context, METADATA) if "alembic_version" not in str(d)]
    assert differences == []


def test_the_forms_are_those_that_the_migration_tool_knows() -> None:
    """They are read from the files' heads, so that a start loads that tool only where it has work."""
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    steps = ScriptDirectory.from_config(config)
    assert database._forms() == {step.revision: step.down_revision for step in steps.walk_revisions()}
    assert database._newest_form() == steps.get_current_head()


def test_the_store_of_a_newer_version_is_left_alone_and_told(any_database: Database) -> None:
    with any_database.write() as c:
        c.exec_driver_sql("update alembic_version set version_num = '999'")
    try:
        with pytest.raises(UserError, match="newer version of Tandem") as refused:
            any_database.migrate()
        assert "backup" in refused.value.hint
    finally:
        newest = any_database.revision()[1]
        with any_database.write() as c:
            c.exec_driver_sql(f"update alembic_version set version_num = '{newest}'")


def test_a_transaction_that_fails_leaves_nothing(any_database: Database) -> None:
    with pytest.raises(ZeroDivisionError), any_database.write() as c:
        c.execute(insert(workspaces).values(name="n", made_at=AT))
        raise ZeroDivisionError
    with any_database.read() as c:
        assert c.execute(select(workspaces)).all() == []


def test_many_writers_wait_for_each_other(any_database: Database) -> None:
    problems: list[Exception] = []

    def write(i: int) -> None:
        try:
            for _ in range(5):
                with any_database.write() as c:
                    c.execute(select(workspaces)).all()
                    c.execute(insert(workspaces).values(name=str(i), made_at=AT))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            problems.append(error)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with any_database.read() as c:
        assert len(c.execute(select(workspaces)).all()) == 20


def test_turns_of_one_thing_come_one_after_another_also_over_processes(any_database: Database) -> None:
    dsn = any_database.engine.url.render_as_string(hide_password=False)
    with closing(Database(dsn)) as other:  # locks of its own, as another process has
        for db in (any_database, other):
            order = list[str]()

            def take_turn(db: Database = db, order: list[str] = order) -> None:
                with db.turn("calls", 1):
                    order.append("second")

            thread = threading.Thread(target=take_turn)
            with any_database.turn("calls", 1):
                thread.start()
                thread.join(0.2)
                with any_database.turn("credits", 1), other.write() as c:  # neither another turn nor a writer waits
                    c.execute(insert(workspaces).values(name="n", made_at=AT))
                order.append("first")
            thread.join()
            assert order == ["first", "second"]


def test_a_turn_ends_also_when_its_holder_fails(any_database: Database) -> None:
    with pytest.raises(ZeroDivisionError), any_database.turn("calls", 1):
        raise ZeroDivisionError
    dsn = any_database.engine.url.render_as_string(hide_password=False)
    with closing(Database(dsn)) as other, other.turn("calls", 1), any_database.turn("calls", 2):
        pass  # of two sites neither waits for the other


def test_whoever_wants_to_be_alone_waits_for_every_turn_and_is_next(any_database: Database) -> None:
    dsn = any_database.engine.url.render_as_string(hide_password=False)
    with closing(Database(dsn)) as other:  # locks of its own, as another process has
        for db in (any_database, other):
            order, has_turn = list[str](), threading.Event()

            def work(db: Database = db, order: list[str] = order, has_turn: threading.Event = has_turn) -> None:
                with db.turn("calls", 1):
                    has_turn.set()
                    has_turn.wait()
                    time.sleep(0.2)
                    with db.turn("calls", 1), db.turn("credits", 2):  # though somebody waits to be alone
                        order.append("first")
                with db.beside_others():
                    order.append("third")

            thread = threading.Thread(target=work)
            thread.start()
            has_turn.wait()
            with any_database.alone(), any_database.turn("calls", 1), any_database.beside_others():
                thread.join(0.2)
                order.append("second")
            thread.join()
            assert order[0] == "first" and "second" in order
            assert db is other or order[2] == "third", "of the same process nobody goes in before"


def test_nobody_waits_for_a_turn_for_ever(any_database: Database) -> None:
    dsn = any_database.engine.url.render_as_string(hide_password=False)
    with closing(Database(dsn)) as other, any_database.turn("calls", 1):
        with pytest.raises(UserError, match="still going on") as told, other.turn("calls", 1, 0.1):
            pass
        assert told.value.status == 503
        with pytest.raises(UserError, match="still going on"), other.alone(0.1):
            pass
        with other.turn("calls", 2, 0.1):
            pass  # who waited in vain keeps nobody out
    with closing(Database(dsn)) as other, any_database.alone():
        with pytest.raises(UserError, match="still going on"), other.turn("calls", 1, 0.1):
            pass
        with pytest.raises(UserError, match="still going on"), other.beside_others(0.1):
            pass
    with any_database.turn("calls", 1, 0.1):
        pass


def test_a_store_that_does_not_answer_is_told_with_a_cure() -> None:
    db = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(UserError, match=r"does not respond.*TANDEM_RECORDS"):
        db.migrate()
    db.close()


def test_the_file_is_for_its_owner_only_also_one_that_was_open_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "records.db"
    old = tmp_path / "old.db"
    old.touch(mode=0o644)
    for file in (path, old):
        db = Database(f"sqlite:///{file}")
        db.migrate()
        with db.write() as c:
            c.exec_driver_sql("create table probe (n int)")
            modes = {p.name: p.stat().st_mode & 0o777 for p in file.parent.glob(f"{file.name}*")}
        assert modes == dict.fromkeys((file.name, f"{file.name}-wal", f"{file.name}-shm"), 0o600)
        db.close()
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_store_in_memory_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for dsn in ("sqlite://", "sqlite:///:memory:"):
        with closing(Database(dsn)) as db, db.turn("calls", 1):
            pass
    assert list(tmp_path.iterdir()) == []


def test_work_is_unattended_once_nobody_does_it_or_who_did_was_killed(any_database: Database) -> None:
    def is_unattended(on: str = "ads-reading") -> bool:
        with any_database.unattended(on) as free:
            return free

    assert is_unattended()
    with any_database.working("ads-reading"), any_database.working("ads-reading"):
        assert not is_unattended()
        assert is_unattended("reconcile-reading")
    assert is_unattended()
    program = (
        "import sys, time; from tandem.base.database import Database\n"
        "with Database(sys.argv[1]).working('ads-reading'): print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, any_database.dsn], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert not is_unattended()
        other.kill()
    eventually(is_unattended)
