"""Attribution: all models over ten million touches, and the Markov chain over a million paths, in CPU time.

cpu_s: 10 M visits of 2 M persons with 100,000 conversions, from the event store to all eight models, by 20 channels and
by 20,000 keywords; CPU time of all threads of this process, the engine's included. rss_mb: its peak memory.
sample_max_error: the largest difference from the supplied exact answers (orders 1 to 3, with and without nulls); null
where the sample is not on this machine. markov1_1m_cpu_s …: from a million path strings in memory to credits;
first_markov1_cpu_s and first_markov3_cpu_s are the same, the first time in a process of its own.
"""

import csv
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tandem.attribution import store
from tandem.attribution.model.ask import Ask
from tandem.attribution.model.credits import by_all_models
from tandem.attribution.model.interval import interval
from tandem.attribution.model.markov import markov, steps_of
from tandem.base.warehouse import Warehouse, migrate
from tandem.calls import store as calls
from tandem.collect import store as collect
from tandem.crm import store as crm
from tandem.people import store as people

REFERENCE = Path("/work/shared/reference/data/attribution")
TOUCHES, PERSONS, CHANNELS, KEYWORDS = 10_000_000, 2_000_000, 20, 20_000
FIRST, DAYS = datetime(2026, 8, 1, tzinfo=UTC), 60

EVENTS = f"""insert into visit_rows (site, visit, visitor, started, ended, opened, version, channel, source, campaign,
    term, entry, pageviews, orders, revenue)
select 1, number + 1, cityHash64(rand64(1) % {PERSONS}),
    toDateTime64('2026-08-01', 3, 'UTC') + interval (rand64(2) % {DAYS * 86_400_000}) millisecond as at, at, at, 1,
    'Channel ' || toString(toUInt8(pow({CHANNELS + 1}, rand(3) / 4294967296))), 'source', 'campaign',
    'keyword ' || toString(toUInt32(pow({KEYWORDS + 1}, rand(4) / 4294967296))), '/', 1, rand(5) % 100 = 0,
    if(rand(5) % 100 = 0, 50, 0)
from numbers({TOUCHES})"""
"""Values by popularity (Zipf), every touch with a keyword: the hardest chain, as every keyword meets every other."""


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
    try:
        metrics = paths_metrics(folder) | store_metrics(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(metrics))


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# ── from the event store ──


def store_metrics(folder: Path) -> dict[str, float]:
    """Fills a store in another process, so that only asking is measured in this one."""
    subprocess.run([sys.executable, "-m", "bench.attribution", "fill", str(folder)], check=True)
    warehouse = Warehouse(f"chdb:///{folder / 'events'}", query_seconds=300)
    warehouse.value("select count() from touches where site = 1 limit 1")
    began, wall = cpu_s(), time.perf_counter()
    by = {name: asked(warehouse, name) for name in ("channel", "term")}
    metrics = {"cpu_s": round(cpu_s() - began, 2), "wall_s": round(time.perf_counter() - wall, 2)}
    metrics |= {"by_channel_cpu_s": by["channel"], "by_keyword_cpu_s": by["term"], "rss_mb": round(rss_mb())}
    warehouse.close()
    return metrics


def asked(warehouse: Warehouse, by: str) -> float:
    began = cpu_s()
    question = Ask(site=1, kind="orders", key="", by=by, window=30, since=FIRST, until=FIRST + timedelta(days=DAYS))
    found = store.attribution_data(warehouse, question)
    credits, chain = by_all_models(found.journeys, found.lost)
    for credit in credits.values():
        interval(credit.conversions, credit.sum_of_squares)
        assert abs(credit.conversions.sum() + found.lone[0] - found.totals.conversions) < 1e-3
    took = cpu_s() - began
    print(
        f"by {by}: {len(found.names):,} values, {found.totals.conversions:,} conversions, {len(found.lost.onto):,} "
        f"different steps, {took:.1f} CPU-s, chain within {chain.error:.1e}, {rss_mb():.0f} MB so far"
    )
    return round(took, 2)


def fill(folder: Path) -> None:
    warehouse = Warehouse(f"chdb:///{folder / 'events'}", memory_mb=4000, query_seconds=600)
    migrate(warehouse, [*collect.schema(), *people.schema(), *calls.schema(), *crm.schema(), *store.schema()])
    warehouse.do(EVENTS)
    warehouse.do("optimize table visit_rows final")
    print(f"filled: {TOUCHES:,} touches")
    warehouse.close()


# ── from paths ──


def paths_metrics(folder: Path) -> dict[str, float | None]:
    names = [f"markov{order}_1m_cpu_s" for order in (1, 2, 3)] + ["first_markov1_cpu_s", "first_markov3_cpu_s"]
    if not REFERENCE.exists():
        return dict.fromkeys(["sample_max_error", *names])
    file = folder / "paths.parquet"
    subprocess.run([sys.executable, REFERENCE / "gen_paths.py", "1000000", "1", file], check=True)
    table = pq.read_table(file)
    took = [min(_million(table, order) for _ in range(2)) for order in (1, 2, 3)] + [_first(file, 1), _first(file, 3)]
    metrics = {name: round(seconds, 2) for name, seconds in zip(names, took, strict=True)}
    print(f"over a million paths: {metrics}")
    return {"sample_max_error": sample_max_error(), **metrics}


def _first(file: Path, order: int) -> float:
    """CPU seconds of the first call in a fresh process."""
    command = [sys.executable, "-m", "bench.attribution", "first", str(file), str(order)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _million(table: object, order: int) -> float:
    began = cpu_s()
    touchpoints = pc.split_pattern(table["path"], " > ").combine_chunks()  # type: ignore[index]
    touches = pc.list_flatten(touchpoints).dictionary_encode()
    won, lost = (table[name].to_numpy().astype(float) for name in ("conv", "nul"))  # type: ignore[index]
    starts = touchpoints.offsets.to_numpy()[:-1].astype(np.int64)
    steps = steps_of(touches.indices.to_numpy(), starts, won, lost, len(touches.dictionary), order)
    credit = markov(steps).credit
    assert abs(credit.sum() - won.sum()) < 1e-6
    return cpu_s() - began


def sample_max_error() -> float:
    rows = list(csv.DictReader((REFERENCE / "ca_sample_paths.csv").open()))
    touchpoints = [row["path"].split(" > ") for row in rows]
    names = sorted({v for story in touchpoints for v in story})
    touches = np.array([names.index(v) for story in touchpoints for v in story])
    starts = np.cumsum([0, *(len(story) for story in touchpoints)])[:-1]
    won, lost = (np.array([float(row[c]) for row in rows]) for c in ("total_conversions", "total_null"))
    answers = json.loads((REFERENCE / "sample_answers.json").read_text())["runs"]
    errors = []
    for order in (1, 2, 3):
        for suffix, share in (("null", 1.0), ("nonull", 0.0)):
            credit = markov(steps_of(touches, starts, won, lost * share, len(names), order)).credit
            exact = answers[f"exact_order{order}_{suffix}"]["attr"]
            errors.append(max(abs(credit[names.index(v)] - e) for v, e in exact.items()))
    return float(f"{max(errors):.2e}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["fill"]:
        fill(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["first"]:
        print(_million(pq.read_table(sys.argv[2]), int(sys.argv[3])))
    else:
        main()
