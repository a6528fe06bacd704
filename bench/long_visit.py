"""A visit of 100,000 facts, as a robot makes it where no bound holds it, and what each further batch of it costs.

`make bench NAME=long_visit`; `bench.attack` prints the same figures. The last line is JSON:

    long_visit_cpu_s    CPU time of a batch of five more facts, all threads, the median of thirty
    long_visit_rss_mb   how much more memory they take at their peak than batches of another visitor, in a fresh process
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median

from tandem.accounts import store as accounts
from tandem.base.database import Database
from tandem.base.warehouse import Warehouse, migrate
from tandem.collect import store
from tandem.collect.loader import Loader
from tandem.collect.model.hit import Record, SpoolEvent
from tandem.collect.model.quota import Quota

FACTS, BATCHES, A_BATCH, AT_ONCE = 100_000, 30, 5, 20_000
ROBOT, OTHER = 7, 8
KINDS = ("pageview", "event", "engage", "event")
BEGAN = 1_794_000_000_000


def record(site: int, visitor: int, nth: int) -> Record:
    """The nth fact of a visitor, half a second after the one before."""
    at = BEGAN + nth * 500
    event = SpoolEvent(
        id=visitor << 40 | nth, kind=KINDS[nth % 4], at=at, host="shop.example", path=f"/p/{nth % 50}", query="",
        referrer="", name="click", props={}, engaged_ms=nth % 3, scroll=0, value=0, amount="", currency="", status=0,
        marks=[],
    )  # fmt: skip
    return Record(
        site=site, received=at, visitor=visitor, before=0, born=0, agent="robot", language="en", width=0, country="PL",
        city="", network="", events=[event], refused={},
    )  # fmt: skip


def opened(folder: Path) -> tuple[Loader, int]:
    """A loader without a bound for a visitor, and its site."""
    warehouse, database = Warehouse(f"chdb:///{folder / 'events'}"), Database(f"sqlite:///{folder / 'records.db'}")
    database.migrate()
    migrate(warehouse, store.schema())
    if not (sites := accounts.all_sites(database)):
        workspace = accounts.make_workspace(database, "Bench")
        sites = [accounts.add_site(database, workspace, "bench", "Bench", ["shop.example"], "UTC", "EUR")]
    loader = Loader(warehouse, database, folder)
    loader.quota = Quota(events=FACTS * 2, size=1 << 40)
    return loader, sites[0].id


def load(loader: Loader, site: int, visitor: int, batches: Iterable[range]) -> list[float]:
    """CPU seconds of each batch."""
    took = []
    for batch in batches:
        records = [record(site, visitor, nth) for nth in batch]
        before = time.process_time()
        loader.load(records, f"{visitor}-{batch.start}")
        took.append(time.process_time() - before)
    return took


def small(first: int, count: int) -> Iterable[range]:
    return (range(n, n + A_BATCH) for n in range(first, first + count * A_BATCH, A_BATCH))


def fill(folder: Path) -> None:
    loader, site = opened(folder)
    load(loader, site, ROBOT, (range(n, n + AT_ONCE) for n in range(0, FACTS, AT_ONCE)))
    store.tidy(loader.warehouse)  # what the filling left to merge is not the batches' work


def measure(folder: Path) -> None:
    loader, site = opened(folder)
    load(loader, site, OTHER, small(0, BATCHES))
    before, code = memory_mb("VmRSS"), memory_mb("RssFile")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
    took = load(loader, site, ROBOT, small(FACTS, BATCHES))
    peak = memory_mb("VmHWM") - (
        memory_mb("RssFile") - code
    )  # the engine's code that is read for the first time is none
    facts = loader.warehouse.ask("select pageviews + length(`hits.at`) from visit_rows final").rows
    assert sorted(facts) == [(BATCHES * A_BATCH,), (FACTS + BATCHES * A_BATCH,)], facts
    print(json.dumps({"long_visit_cpu_s": round(median(took), 3), "long_visit_rss_mb": round(peak - before)}))


def memory_mb(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def long_visit() -> dict[str, float]:
    """The two figures, each process by itself."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
    try:
        for step in ("fill", "measure"):
            command = [sys.executable, "-m", "bench.long_visit", step, str(folder)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        {"fill": fill, "measure": measure}[sys.argv[1]](Path(sys.argv[2]))
    else:
        print(json.dumps(long_visit()))
