"""`tandem collect`: collectors alone, one process a worker, each with its own spool; a loader beside them if wanted."""

import fcntl
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

import msgspec
from granian import _signals
from granian.constants import Interfaces
from granian.server import Server

from tandem.app import SLICES
from tandem.base import log
from tandem.base.config import Config, load
from tandem.base.data_folder import check_whole
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.sender import Proxies
from tandem.base.time_limit import end_all
from tandem.base.warehouse import Warehouse, migrate
from tandem.calls.store import lend
from tandem.collect.counter import Collector
from tandem.collect.health import Disk
from tandem.collect.slice import LOAD_EVERY_S, load_at_pace, load_spools, open_ingest
from tandem.core.context import Context
from tandem.people.store import stitch_new
from tandem.serve import check_port, freeze, limits, listening

_log = log.get("collectors")
_set_loop_signals = _signals.set_loop_signals


def run(config: Config, workers: int, loads: bool) -> None:
    """Serve hits until stopped; with `loads`, load the spools of this machine too.

    raises   UserError when a loader is wanted but the event store lives in another process
    """
    if loads and config.events_dsn.startswith("chdb:"):
        raise UserError(
            "The event store in this data folder can only be used by one process: `tandem serve`.",
            "Run `tandem collect --no-load` next to it, or set a ClickHouse server in TANDEM_EVENTS.",
        )
    check_whole(config.folder)
    check_port(config.host, config.port)
    Database(config.records_dsn).migrate()
    loader = _started_loader(config) if loads else None
    os.environ["TANDEM_WORKERS"] = str(workers)
    server = Server(
        "tandem.collectors:worker",
        address=config.host,
        port=config.port,
        interface=Interfaces.RSGI,
        workers=workers,
        factory=True,
        respawn_failed_workers=True,
        **limits(workers),
    )
    try:
        server.serve(_worker_process)
    finally:
        if loader is not None:
            loader.terminate()
            loader.join(30)


def _worker_process(number: int, name: str | None, loader: Any, places: Any, *more: Any) -> None:
    """Granian's own worker process, listening on a socket of ours; on Linux each opens one by itself."""
    (place, shared), inherited = places
    _signals.set_loop_signals = _stopping_signals
    if place is not None:
        place, shared = None, listening(place)
    Server._spawn_rsgi_worker(number, name, loader, ((place, shared), inherited), *more)


def _stopping_signals(loop: Any) -> Any:
    """Granian's own signals of a worker; unfinished bodies are cut too, for it would wait for them."""
    event = _set_loop_signals(loop)  # type: ignore[no-untyped-call]

    def stop() -> None:
        end_all()
        event.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop)
    return event


def worker() -> Collector:
    """One collector process; made by the server in each of its workers."""
    config = load()
    log.set_up(config.log)
    ctx = _ctx(config)
    ctx.offers.lend_number = lambda asked: lend(ctx, asked)
    ingest, spool = open_ingest(ctx, f"{config.collector}-{_free_number(config)}")
    collector = ClosingCollector(ingest, ctx.proxies, spool, Disk(spool.folder).trouble)
    freeze()
    return collector


class ClosingCollector(Collector):
    """Seals its spool when the server takes it down."""

    def __init__(self, ingest: Any, proxies: Proxies, spool: Any, trouble: Callable[[], str]) -> None:
        super().__init__(ingest, proxies, trouble)
        self._spool = spool

    def __rsgi_del__(self, loop: Any) -> None:
        self._spool.close()


def _free_number(config: Config) -> int:
    """The lowest number whose spool no other worker holds. A worker that died leaves its own to the next."""
    root = config.folder / "spool"
    for number in range(1000):
        folder = root / f"{config.collector}-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        finally:
            os.close(handle)
        return number
    raise UserError("All 1,000 spools are in use.", "Stop some collectors.")


def _ctx(config: Config) -> Context:
    """What taking hits needs: sites and salts. The event store is the loader's, so it is not opened here."""
    nothing: Any = None
    return Context(config, nothing, Database(config.records_dsn))


def _started_loader(config: Config) -> BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=load_for_ever, args=(msgspec.json.encode(config),))
    process.start()
    return process


def load_for_ever(settings_json: bytes) -> None:
    """Load the spools of this machine until SIGTERM."""
    config = msgspec.json.decode(settings_json, type=Config)
    log.set_up(config.log)
    warehouse = Warehouse(config.events_dsn, config.cluster, config.memory_mb, config.query_seconds)
    migrate(warehouse, [step for s in SLICES for step in s.schema()])
    ctx = Context(config, warehouse, Database(config.records_dsn))
    is_running = [True]
    signal.signal(signal.SIGTERM, lambda *_: is_running.clear())
    while is_running:
        try:
            load_once(ctx)
        except Exception as error:  # noqa: BLE001 - the edge: what failed stays in the spool and is tried again
            _log.error("collectors.load_failed", why=log.without_values(str(error)))
            time.sleep(5)
        time.sleep(LOAD_EVERY_S)
    load_spools(ctx)
    load_once(ctx)


def load_once(ctx: Context) -> None:
    """Load what has come in, and conclude who is who from it: no other process knows that it is new."""
    load_at_pace(ctx)
    for site in ctx.sites().values():
        stitch_new(ctx, site)
