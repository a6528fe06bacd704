"""A report of a million rows into the store: read, checked, converted, written, verified and made to count.

rows_per_s: rows by wall-clock time, from the file to the moment the report counts. rss_mb: the most memory the process
held, event store included. cpu_s: CPU time of all its threads.
"""

import json
import random
import resource
import shutil
import sys
import tempfile
import time
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from tandem.accounts import store as accounts
from tandem.ads import store
from tandem.ads.jobs import read_file
from tandem.ads.sources.report import AdHints
from tandem.base.config import Config
from tandem.base.database import Database
from tandem.base.warehouse import Warehouse, migrate
from tandem.collect import store as collect
from tandem.core.context import Context
from tandem.rates import store as rates
from tandem.rates.model import Rate

ROWS, DAYS = 1_000_000, 28
HEAD = "Keyword report\nOctober 1, 2026 - October 28, 2026\n"
NAMES = (
    "Keyword status,Keyword,Campaign,Campaign ID,Ad group,Ad group ID,Day,Currency code,Impr.,Clicks,Cost,Conversions\n"
)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    folder = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
    try:
        result = measured(folder, rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result))


def measured(folder: Path, rows: int) -> dict[str, float]:
    path = folder / "report.csv"
    cost = written(path, rows)
    warehouse, database = Warehouse(f"chdb:///{folder / 'events'}"), Database(f"sqlite:///{folder / 'records.db'}")
    database.migrate()
    migrate(warehouse, [*collect.schema(), *store.schema()])
    ctx = Context(Config(data=str(folder)), warehouse, database)
    workspace = accounts.make_workspace(database, "Bench")
    site = accounts.add_site(database, workspace, "bench", "Bench", ["shop.example"], "Europe/Warsaw", "EUR")
    days = [date(2026, 9, 25) + timedelta(days=i) for i in range(40)]
    rates.keep(database, [Rate(on=on, currency="USD", per_eur=Decimal("1.0850"), source="ecb") for on in days])
    before, began = time.process_time(), time.perf_counter()
    held = read_file(ctx, site, path, "report.csv", AdHints())
    assert held.state == "staged", held.problems
    read_s = time.perf_counter() - began
    held = store.confirm(ctx, site, held)
    wall, cpu = time.perf_counter() - began, time.process_time() - before
    count, kept = warehouse.ask("select count(), sum(original_cost) from ad_days").rows[0]
    assert (count, kept) == (held.rows, cost), (count, held.rows, kept, cost)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = path.stat().st_size / 1e6
    print(f"{held.rows:,} rows, {size:.0f} MB: {wall:.1f} s ({read_s:.1f} s to stage), {cpu:.1f} CPU-s, {rss:.0f} MB")
    warehouse.close()
    database.close()
    return {
        "rows_per_s": round(held.rows / wall), "rss_mb": round(rss), "wall_s": round(wall, 1), "cpu_s": round(cpu, 1),
    }  # fmt: skip


def written(path: Path, rows: int) -> Decimal:
    """A keyword report in dollars, as Google Ads exports it; returns its cost."""
    chance, total = random.Random(7), 0
    with path.open("w", encoding="utf-8-sig") as file:
        file.write(HEAD + NAMES)
        for i in range(rows):
            k, day = i % (rows // DAYS + 1), i // (rows // DAYS + 1) + 1
            shown, clicks, cents = chance.randint(1000, 9999), chance.randint(0, 90), chance.randint(0, 9000)
            total += cents
            file.write(
                f'Enabled,"buy shoes number {k}",Campaign {k % 200},{10_000 + k % 200},Group {k % 5000},'
                f'{50_000 + k % 5000},2026-10-{day:02d},USD,"{shown:,}",{clicks},{cents / 100:.2f},{k % 3}.0\n'
            )
    return Decimal(total) / 100


if __name__ == "__main__":
    main()
