"""What the engine in the process does by itself."""

import subprocess
import sys
import threading
from pathlib import Path

from tandem.base.warehouse import Warehouse, migrate


def test_the_engine_keeps_no_logs_of_its_own(warehouse: Warehouse) -> None:
    """A section of the configuration that names a log switches it on: it grew each second and was never cut."""
    warehouse.do("select sleep(1.1)")
    warehouse.do("system flush logs")
    rows = warehouse.ask("select table, sum(rows) from system.parts where database = 'system' group by table").rows
    assert rows == []


def test_logs_that_earlier_versions_kept_are_deleted(warehouse: Warehouse) -> None:
    left = warehouse.folder / "data" / "system" / "metric_log" / "1_1_0"
    left.mkdir(parents=True)
    (left / "data.bin").write_bytes(b"x")
    migrate(warehouse, [])
    assert not left.parent.parent.exists()


def test_the_limit_on_questions_stops_no_statement_that_writes(warehouse: Warehouse) -> None:
    limit = "select toUInt64(getSetting('max_execution_time')) as seconds"
    warehouse.do("create table limit_told engine = Memory as " + limit)
    try:
        warehouse.do("insert into limit_told " + limit + " where {yes:UInt8}", {"yes": 1})
        assert warehouse.ask("select seconds from limit_told").rows == [(0,), (0,)]
        assert warehouse.value(limit) == 30
    finally:
        warehouse.do("drop table limit_told")


def test_a_thread_goes_on_with_the_client_of_one_that_has_ended(warehouse: Warehouse) -> None:
    used, counts = list[object](), list[int]()
    both = threading.Barrier(2)

    def ask(waits: bool) -> None:
        used.append(warehouse.client)
        if waits:
            both.wait(60)

    for waits in ((False,), (False,), (True, True)):
        threads = [threading.Thread(target=ask, args=(wait,)) for wait in waits]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        counts.append(len(warehouse._opened))
    assert counts[0] == counts[1], "the second thread found the client of one that had ended"
    assert used[2] is not used[3] and warehouse.client not in used


LARGER = """
from tandem.base.warehouse import DatabaseError, Warehouse

text = "select number, repeat(char(97 + number % 26), 150) as t from numbers(1500000)"
larger = f"select count() from (select number, groupArray(t) from ({text}) group by number) where not ignore(*)"
warehouse = Warehouse("chdb:///{folder}", memory_mb=300)
try:
    warehouse.ask(larger, max_bytes_ratio_before_external_group_by=0)
except DatabaseError as error:
    print("MEMORY_LIMIT_EXCEEDED" in str(error))
print(warehouse.value(larger))
"""
"""In a process of its own, as the engine has one limit on memory for all of a process."""


def test_a_question_larger_than_the_memory_goes_on_on_disk(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LARGER.replace("{folder}", str(tmp_path / "events"))]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.stdout.split() == ["True", "1500000"], run.stderr
