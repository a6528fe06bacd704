"""The pipeline: from a request to a row that can be asked for, everything enriched, per CPU-second.

loader_events_per_cpu_s: sealed segments with the invented company's traffic (page views, attention, vitals, actions,
bots; about five events a visit) are loaded by the real loader in this process; CPU time of all its threads.
peers_load_events_per_cpu_s: `tandem serve` takes what Umami and shynet can take too, over 64 connections: one page view
a request, eight a visitor; its loader stores them meanwhile. CPU time of the whole server from the first request until
the last event can be asked for. end_to_end_events_per_cpu_s is its former name.

A request costs the same however many come; a batch of the loader costs a quarter second whatever it holds. So the
figure falls where requests come slowly, as on a machine that others use: `events_per_s` says how fast they came.
"""

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.collector import hit
from bench.load import fire
from bench.servers import Running
from tandem.accounts import store as accounts
from tandem.base.database import Database
from tandem.base.spool import framed
from tandem.base.warehouse import Warehouse, migrate
from tandem.collect import store
from tandem.collect.loader import Loader
from tandem.collect.model.hit import Record, SpoolEvent
from tandem.demo.company import Company, Facts

EVENTS, SECONDS = 300_000, 15.0


def main() -> None:
    loader = loader_rate(EVENTS)
    print(f"loader: {loader:,.0f} events per CPU-second")
    single, per_s = end_to_end_rate()
    print(f"end to end: {single:,.0f} events per CPU-second")
    metrics = {"loader_events_per_cpu_s": loader, "peers_load_events_per_cpu_s": single}
    metrics |= {"end_to_end_events_per_cpu_s": single, "events_per_s": per_s}
    print(json.dumps({name: round(value) for name, value in metrics.items()}))


def loader_rate(events: int) -> float:
    folder = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
    try:
        return _loader_rate(folder, events)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _loader_rate(folder: Path, events: int) -> float:
    warehouse, database = Warehouse(f"chdb:///{folder / 'events'}"), Database(f"sqlite:///{folder / 'records.db'}")
    database.migrate()
    migrate(warehouse, store.schema())
    workspace = accounts.make_workspace(database, "Bench")
    site = accounts.add_site(database, workspace, "bench", "Bench", ["shop.example"], "Europe/Warsaw", "EUR")
    spool = folder / "spool"
    spool.mkdir()
    count = _fill(spool, site.id, events)
    loader = Loader(warehouse, database, spool)
    before, began = time.process_time(), time.perf_counter()
    stored = loader.load_all()
    cpu, wall = time.process_time() - before, time.perf_counter() - began
    assert stored == count == warehouse.value("select count() from events"), (stored, count)
    print(f"loader: {count:,} events, {cpu:.1f} CPU-s, {wall:.1f} s")
    return count / cpu


def _fill(spool: Path, site: int, events: int) -> int:
    """Write the company's last days as segments of about 20,000 events, in the order of their arrival."""
    company = Company(seed=7, until=datetime.now(UTC).replace(second=0, microsecond=0), days=20, events=events)
    encode, count, number, lines = msgspec.json.Encoder().encode, 0, 0, list[bytes]()
    for facts in company.days():
        for record in _records(facts, site):
            lines.append(framed(encode(record)))
            count += 1
            if len(lines) >= 20_000:
                number += 1
                (spool / f"{number:015d}.seg").write_bytes(b"".join(lines))
                lines = []
    (spool / f"{number + 1:015d}.seg").write_bytes(b"".join(lines))
    return count


def _records(facts: Facts, site: int) -> Iterator[Record]:
    columns = [column.tolist() for column in facts]
    for row in zip(*columns, strict=True):
        f = Facts(*row)
        event = SpoolEvent(
            id=f.id, kind=f.kind, at=f.at, host=f.host, path=f.path, query=f.query, referrer=f.referrer, name=f.name,
            props=f.props, engaged_ms=f.engaged_ms, scroll=f.scroll, value=f.value,
            amount=f"{f.amount / 10_000:.4f}" if f.amount else "", currency=f.currency, status=f.status, marks=[],
        )  # fmt: skip
        yield Record(
            site=site, received=f.received, visitor=f.visitor, before=0, born=f.born, agent=f.ua, language=f.language,
            width=f.width, country=f.country, city=f.city, network=f.network, events=[event], refused={},
        )  # fmt: skip


def end_to_end_rate() -> tuple[float, float]:
    """Events stored in a CPU-second, and in a second."""
    server = Running("serve")
    try:
        before = server.cpu_s()
        outcome = fire(server.port, SECONDS, 64, hit)
        total = len(outcome.acknowledged)
        _wait_until_stored(server, total)
        cpu = server.cpu_s() - before
        print(f"end to end: {total:,} events, {cpu:.1f} CPU-s, {outcome.per_s:,.0f} requests/s")
        return total / cpu, outcome.per_s
    finally:
        server.kill()
        server.clear()


def _wait_until_stored(server: Running, total: int) -> None:
    spool = server.folder / "spool"
    deadline = time.monotonic() + 120
    while any(p.suffix in (".seg", ".open", ".batch") for p in spool.rglob("*")):
        if time.monotonic() > deadline:
            sys.exit("the loader did not catch up")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
