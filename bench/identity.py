"""Who is who at size: all evidence of a large site stitched at once, and a small batch stitched into what is there.

`python -m bench.identity [millions]` makes evidence about 2 M persons of 5 M identifiers (or that many),
puts it into the event store, and measures

    full_cpu_s   CPU seconds of one full stitch: reading the evidence, concluding, writing down, reloading the map
    batch_ms     wall milliseconds of stitching a batch of 10,000 new links into it (the median of seven), map included
    batch_cpu_ms the same in CPU time
    map_mb       memory that the engine's map of persons takes
"""

import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from tandem.accounts import store as accounts
from tandem.app import SLICES
from tandem.base import clock
from tandem.base.config import Config
from tandem.base.database import Database
from tandem.base.warehouse import Warehouse, migrate
from tandem.core.context import Context
from tandem.people import store

BATCH = 10_000
ROUNDS = 7


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def insert(warehouse: Warehouse, site: int, a: Any, b: Any, b_kind: Any, source: str) -> None:
    count = a.size
    low, high = np.minimum(a, b), np.maximum(a, b)
    is_first = a <= b
    kinds = np.where(is_first, "visitor", b_kind), np.where(is_first, b_kind, "visitor")
    for i in range(0, count, 500_000):
        part = slice(i, i + 500_000)
        size = low[part].size
        warehouse.insert("identity_links", {
            "site": np.full(size, site, np.uint32), "a": low[part], "a_kind": kinds[0][part].astype(object),
            "b": high[part], "b_kind": kinds[1][part].astype(object), "source": [source] * size, "ref": [""] * size,
            "at": [clock.now()] * size,
        })  # fmt: skip


def evidence(persons: int, identifiers: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Each person has one phone or e-mail and some browsers; a thousandth of the links leads to somebody else's."""
    own = rng.integers(1, 2**63, persons, dtype=np.uint64)
    kinds = np.where(rng.random(persons) < 0.6, "phone", np.where(rng.random(persons) < 0.7, "email", "crm"))
    browsers = identifiers - persons
    whose = np.concatenate([np.arange(persons), rng.integers(0, persons, browsers - persons)])
    strange = rng.random(browsers) < 0.001
    whose[strange] = rng.integers(0, persons, int(strange.sum()))
    return rng.integers(1, 2**63, browsers, dtype=np.uint64), own[whose], kinds[whose]


def settle(warehouse: Warehouse) -> None:
    """Merge the parts of the full stitch now: the engine would do it while batches are measured, and charge some."""
    for table in ("identity_links", "person_rows"):
        warehouse.do(f"optimize table {table} final")


def measure(millions: float, folder: Path) -> dict[str, float]:
    rng = np.random.default_rng(7)
    warehouse = Warehouse(f"chdb:///{folder / 'events'}", memory_mb=3000)
    migrate(warehouse, [step for s in SLICES for step in s.schema()])
    database = Database(f"sqlite:///{folder / 'records.db'}")
    database.migrate()
    ctx = Context(Config(data=str(folder)), warehouse, database)
    workspace = accounts.make_workspace(database, "Bench")
    site = accounts.add_site(database, workspace, "bench", "Bench", ["bench.example"])
    identifiers = int(millions * 1_000_000)
    browsers, own, kinds = evidence(identifiers * 2 // 5, identifiers, rng)
    print(f"{browsers.size:,} links of {identifiers:,} identifiers", flush=True)
    insert(warehouse, site.id, browsers, own, kinds, "form")
    before, began = cpu_s(), time.perf_counter()
    store.stitch_all(ctx, site)
    full, took = cpu_s() - before, time.perf_counter() - began
    print(f"full: {full:.1f} CPU s, {took:.1f} s", flush=True)
    settle(warehouse)
    walls, cpus = [], []
    for _ in range(ROUNDS):
        time.sleep(0.05)
        pick = rng.integers(0, own.size, BATCH)
        fresh = rng.integers(1, 2**63, BATCH, dtype=np.uint64)
        insert(warehouse, site.id, fresh, own[pick], kinds[pick], "call")
        before, began = cpu_s(), time.perf_counter()
        store.restitch(ctx, site, np.union1d(fresh, own[pick]))
        walls.append((time.perf_counter() - began) * 1000)
        cpus.append((cpu_s() - before) * 1000)
        print(f"batch: {walls[-1]:.0f} ms, {cpus[-1]:.0f} ms CPU", flush=True)
    bytes_used = warehouse.value("select bytes_allocated from system.dictionaries where name = 'person_map'")
    warehouse.close()
    return {
        "full_cpu_s": round(full, 2), "full_s": round(took, 2), "batch_ms": round(statistics.median(walls)),
        "batch_cpu_ms": round(statistics.median(cpus)), "map_mb": round(bytes_used / 1e6),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024), "identifiers": identifiers,
    }  # fmt: skip


def main() -> None:
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(millions, Path(folder))))


if __name__ == "__main__":
    main()
