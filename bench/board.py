"""The board over 20 million events: how long each tile and each table takes, cold and when nothing changed.

The invented company's history (one million events, 120 days) is multiplied twenty times inside the engine under
other visitor and event ids, so that 20 M events of some 2 M visitors stand in the store; visits are derived by the
ordinary SQL.
Cold: a runner that remembers nothing, so each query runs. Warm: the same questions again. Each question is one tile's
figure with its trend and comparison, or one table of the traffic page with comparison, over 30 and over 90 days.
The whole board is asked cold, too: as a server answers whose job has looked the site's past up, and before it has.
The data folder is kept for the next run; BENCH_DIR says where (default: the system's temporary folder).
"""

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from bench.kept import is_filled, kept_folder, mark_filled
from tandem.accounts.model import Site
from tandem.app import close_context, open_context
from tandem.base import clock, log
from tandem.base.config import Config
from tandem.board import queries
from tandem.board.jobs import look_ahead
from tandem.board.model import BOARD_METRICS, TABLES
from tandem.collect import store
from tandem.collect.rebuild import rebuild
from tandem.core.context import Context
from tandem.demo.seed import seed
from tandem.metrics.address import Address, address_of
from tandem.metrics.ask import CachedRunner
from tandem.metrics.split_table import Reading, split_table

TIMES, EVENTS, ROUNDS = 20, 1_000_000, 2
DERIVED = "bench.derived"


READING = Reading(name=lambda by, value: value)


def filled(ctx: Context) -> Site:
    """The site with 20 M events; made once. Deriving goes on where an earlier run was stopped, filling begins anew."""
    if not is_filled(ctx.config.folder):
        seed(ctx, events=EVENTS)
        _multiply(ctx)
        mark_filled(ctx.config.folder)
    site = next(iter(ctx.sites().values()))
    if not (ctx.config.folder / DERIVED).exists():
        rebuild(ctx, site, tell=lambda share: print(f"deriving visits: {share:.0%}", flush=True))
        store.tidy(ctx.warehouse)
        (ctx.config.folder / DERIVED).touch()
    return site


def _multiply(ctx: Context) -> None:
    ctx.warehouse.do("create table events_once as events")
    ctx.warehouse.do("insert into events_once select * from events")
    for n in range(1, TIMES):
        ctx.warehouse.do(
            "insert into events select * replace (cityHash64(id, {n:UInt32}) as id, "
            "cityHash64(visitor, {n:UInt32}) as visitor, "
            "at - toIntervalSecond(cityHash64(visitor, {n:UInt32}, 'shift') % 7200) as at) from events_once",
            params={"n": n},
        )
        print(f"multiplied {n + 1} times", flush=True)
    ctx.warehouse.do("drop table events_once")


def asked(ctx: Context, address: Address) -> Iterator[tuple[str, Callable[[], object]]]:
    for metric in BOARD_METRICS:
        yield f"tile {metric}", lambda metric=metric: queries.tiles_of(ctx, address, (metric,), [])  # type: ignore[misc]
    for kind in TABLES.values():
        yield f"table {kind.id}", lambda kind=kind: split_table(ctx, address, kind, READING)  # type: ignore[misc]


def main() -> None:
    log.set_up("warning")
    ctx = open_context(Config(data=str(kept_folder(f"board-{TIMES}")), memory_mb=1500, query_seconds=600))
    site = filled(ctx)
    count = ctx.warehouse.value("select count() from events")
    print(f"{count:,} events, {ctx.warehouse.value('select count() from visits'):,} visits")
    cold, warm, names = list[float](), list[float](), list[str]()
    for period in ("30d", "90d"):
        address = address_of({"period": period}, [], site, "marketing", clock.now() - timedelta(days=1))
        for name, question in asked(ctx, address):
            for _ in range(ROUNDS):
                ctx.runner = CachedRunner(ctx.warehouse, main_goals=ctx.runner.main_goals)
                cold.append(_ms(question))
                names.append(f"{name} {period}")
            warm.append(_ms(question))
    for name, ms in sorted(zip(names, cold, strict=True), key=lambda pair: -pair[1])[:8]:
        print(f"  slowest cold: {ms:7.0f} ms  {name}")
    whole = address_of({"period": "30d"}, [], site, "marketing", clock.now())
    ctx.runner = CachedRunner(ctx.warehouse, main_goals=ctx.runner.main_goals)
    ctx.runner.look_again()  # nothing is known of the past either
    first_ms = _ms(lambda: queries.board_tiles(ctx, whole, []))
    ctx.runner = CachedRunner(ctx.warehouse, main_goals=ctx.runner.main_goals)
    look_ahead(ctx)  # as a running server has done before anybody looks
    board_ms = _ms(lambda: queries.board_tiles(ctx, whole, []))
    close_context(ctx)
    print(
        json.dumps(
            {
                "events": count,
                "p95_cold_ms": round(_p95(cold)),
                "median_cold_ms": round(statistics.median(cold)),
                "p95_warm_ms": round(_p95(warm), 1),
                "whole_board_cold_ms": round(board_ms),
                "whole_board_first_ms": round(first_ms),
                "rss_mb": round(_rss_mb()),
                "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }
        )
    )


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * (len(values) - 1))]


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
