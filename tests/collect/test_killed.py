"""kill -9 of a real process that halves a poisoned batch: the next one goes on where it was."""

import os
import signal
from pathlib import Path

import pytest

from tests import forked
from tests.served import eventually

LOAD = """
import os, time
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

folder, is_slow = Path(os.environ["FOLDER"]), "SLOW" in os.environ
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
    env, output = {**os.environ, "FOLDER": str(tmp_path)}, tmp_path / "said"
    first = forked.begun_code(LOAD, {**env, "SLOW": "1"}, output)
    try:
        eventually(
            lambda: (output.exists() and "part" in output.read_text().splitlines()) or first.poll() is not None, 60
        )
        assert first.poll() is None, f"the first part was never loaded: {output.read_text()[-2000:]}"
    finally:
        first.kill()
    assert first.wait(20) == -signal.SIGKILL
    (note,) = (tmp_path / "spool" / "one").glob("*.judged")
    assert b'"todo":[[' in note.read_bytes()
    done = forked.run_code(LOAD, env, 120)
    said = done.stdout.splitlines()[-1:]
    assert said and said[0].startswith("[1, 2, 3, 4, 5] 5 5 0 {'quarantined': 1} 0 [{"), (said, done.stderr[-2000:])
