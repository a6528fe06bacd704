"""What the engine in the process does by itself."""

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
