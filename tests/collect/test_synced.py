"""A segment goes only after the engine has synced every part that was made of it: seen by the system's calls."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tandem.base.spool import framed
from tandem.collect.batches import Batch, forget_aside, next_batch
from tandem.collect.manifests import ASIDE
from tests.collect.conftest import NOON, told
from tests.synced import named, recorded, synced

LOAD = """
import sys
from pathlib import Path
import msgspec
from tandem.accounts import store as accounts
from tandem.base.database import Database
from tandem.base.spool import framed
from tandem.base.warehouse import Warehouse, migrate
from tandem.collect import store
from tandem.collect.loader import Loader
from tests.collect.conftest import NOON, told

folder = Path(sys.argv[1])
warehouse, database = Warehouse(f"chdb:///{folder / 'events'}"), Database(f"sqlite:///{folder / 'records.db'}")
database.migrate()
migrate(warehouse, store.schema())
site = accounts.add_site(database, accounts.make_workspace(database, "Fern"), "fern", "Fern", ["shop.example"])
(folder / "spool").mkdir()
record = told(site.id, 7, NOON, query="utm_source=letter")
(folder / "spool" / "1.seg").write_bytes(framed(msgspec.json.encode(record)))
print(Loader(warehouse, database, folder / "spool").load_all(), flush=True)
"""
_CALL = re.compile(r"(fdatasync|fsync|rename|unlink)\((?:\d+<)?\"?([^\",>)]+)\"?(?:, \"([^\"]+)\")?")


@pytest.mark.process
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_every_part_is_on_disk_before_its_segment_goes(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    command = ["strace", "-f", "-y", "-s", "400", "-e", "trace=fsync,fdatasync,rename,unlink", "-o", str(log)]
    done = subprocess.run(
        [*command, sys.executable, "-c", LOAD, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["1"], done.stderr[-2000:]
    calls = [found.groups() for line in log.read_text().splitlines() if (found := _CALL.search(line))]
    gone = calls.index(("unlink", str(tmp_path / "spool" / "1.seg"), None))
    synced = [path for name, path, _ in calls[:gone] if "sync" in name]
    made = [
        (old.rstrip("/"), new.rstrip("/"))
        for name, old, new in calls[:gone]
        if name == "rename" and new and "/tmp_insert_" in old and "/data/system/" not in old
    ]
    # facts, visits, the ledger, what the rules made of referrer and agent; the list of stale visits may be lost
    whole = [
        new for old, new in made
        if f"{old}/data.bin" in synced and f"{old}/checksums.txt" in synced
        and new in synced and str(Path(new).parent) in synced
    ]  # fmt: skip
    assert len({Path(part).parent for part in whole}) == 5


def test_what_takes_the_place_of_a_segment_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest, what is put aside, halves, and what is left without a person: the segments go after it."""
    records = [told(1, visitor, NOON) for visitor in (7, 8, 9)]
    (tmp_path / "1.seg").write_bytes(b"".join(framed(msgspec.json.encode(record)) for record in records))
    steps, aside = recorded(monkeypatch), tmp_path / ASIDE

    manifest = next_batch(tmp_path, [])
    assert manifest is not None
    assert steps == [synced(manifest), named(manifest), synced(tmp_path)]

    steps.clear()
    batch = Batch(manifest, 1)
    batch.judged.aside = {0: "clock", 1: "clock"}
    batch.put_aside(batch.records)
    notes, segment = aside / f"{batch.name}.json", aside / f"{batch.name}.seg"
    assert steps == [synced(notes), named(notes), synced(aside), synced(segment), named(segment), synced(aside)]

    steps.clear()
    forget_aside(tmp_path.parent, [7])
    assert steps == [synced(segment), named(segment), synced(aside)]

    steps.clear()
    batch.split(0)
    first, second = (path for half in batch.halves for path in Batch(half, 1).segments)
    assert steps[:6] == [synced(first), named(first), synced(tmp_path), synced(second), named(second), synced(tmp_path)]
