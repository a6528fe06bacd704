"""kill -9 of a real process that halves a poisoned batch: the next one goes on where it was."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

LOAD = """
import sys, time
from pathlib import Path
import msgspec
from clickhouse_connect.driver.exceptions import DatabaseError
from tandem.accounts import store as accounts
from tandem.base.database import Database
from tandem.base.spool import framed
from tandem.base.warehouse import Warehouse, migrate
from tandem.collect import store
from tandem.collect.batches import all_aside
from tandem.collect.loader import Loader
from tests.collect.conftest import NOON, told

folder, is_slow = Path(sys.argv[1]), sys.argv[2] == "slow"
warehouse, database = Warehouse(f"chdb:///{folder / 'events'}"), Database(f"sqlite:///{folder / 'records.db'}")
database.migrate()
migrate(warehouse, store.schema())
spool = folder / "spool" / "one"
if not spool.exists():
    site = accounts.add_site(database, accounts.make_workspace(database, "Fern"), "fern", "Fern", ["shop.example"])
    spool.mkdir(parents=True)
    records = [told(site.id, visitor, NOON) for visitor in range(1, 7)]
    (spool / "1.seg").write_bytes(b"".join(framed(msgspec.json.encode(record)) for record in records))
(site,) = accounts.all_sites(database)
derive = store.derive_visits

def deriving(warehouse, site, near, first_at, goals, sizes={}):
    if 6 in first_at:
        raise DatabaseError("Code: 407. DB::Exception: Decimal math overflow", code=407)
    derive(warehouse, site, near, first_at, goals, sizes)
    if is_slow:
        print("part", flush=True)
        time.sleep(60)

store.derive_visits = deriving
Loader(warehouse, database, spool).load_all(at_once=True)
(day,) = store.ingestion_days(warehouse, site.id, NOON.date())
visitors = [row[0] for row in warehouse.ask("select visitor from events order by visitor").rows]
visits = warehouse.value("select count() from visit_rows final")
aside = [told.reasons for told in all_aside(folder / "spool")]
print(visitors, visits, day.stored, day.duplicates, day.refused, day.balance, aside)
"""


@pytest.mark.process
def test_a_process_killed_in_the_middle_of_halving_loses_and_doubles_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOAD, str(tmp_path)]
    with subprocess.Popen([*command, "slow"], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert any(line == "part\n" for line in first.stdout), "the first part was never loaded"
        first.send_signal(signal.SIGKILL)
    assert first.returncode == -signal.SIGKILL
    (note,) = (tmp_path / "spool" / "one").glob("*.judged")
    assert b'"todo":[[' in note.read_bytes()
    done = subprocess.run([*command, "on"], capture_output=True, text=True, timeout=120, check=False)
    said = done.stdout.splitlines()[-1:]
    assert said and said[0].startswith("[1, 2, 3, 4, 5] 5 5 0 {'quarantined': 1} 0 [{"), (said, done.stderr[-2000:])
