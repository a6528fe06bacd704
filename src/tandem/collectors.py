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
from granian.constants import Interfaces
from granian.server import Server

from tandem.app import SLICES
from tandem.base import log
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.sender import Proxies
from tandem.base.settings import Settings, load
from tandem.base.warehouse import Warehouse, migrate
from tandem.calls.store import lend
from tandem.collect.counter import Collector
from tandem.collect.health import Disk
from tandem.collect.slice import LOAD_EVERY_S, load_spools, open_door
from tandem.core.context import House
from tandem.serve import check_port, freeze, limits, listening

_log = log.get("collectors")


def run(settings: Settings, workers: int, loads: bool) -> None:
    """Serve hits until stopped; with `loads`, load the spools of this machine too.

    raises   UserError when a loader is wanted but the event store lives in another process
    """
    if loads and settings.events_dsn.startswith("chdb:"):
        raise UserError(
            "The event store in this data folder belongs to one process: `tandem serve`.",
            "Run `tandem collect --no-load` beside it, or name a ClickHouse server in TANDEM_EVENTS.",
        )
    check_port(settings.host, settings.port)
    Database(settings.records_dsn).migrate()
    loader = _started_loader(settings) if loads else None
    os.environ["TANDEM_WORKERS"] = str(workers)
    server = Server(
        "tandem.collectors:worker",
        address=settings.host,
        port=settings.port,
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
    if place is not None:
        place, shared = None, listening(place)
    Server._spawn_rsgi_worker(number, name, loader, ((place, shared), inherited), *more)


def worker() -> Collector:
    """One collector process; made by the server in each of its workers."""
    settings = load()
    log.set_up(settings.log)
    house = _house(settings)
    house.offers.lend_number = lambda asked: lend(house, asked)
    door, spool = open_door(house, f"{settings.collector}-{_free_number(settings)}")
    collector = ClosingCollector(door, house.proxies, spool, Disk(spool.folder).trouble)
    freeze()
    return collector


class ClosingCollector(Collector):
    """Seals its spool when the server takes it down."""

    def __init__(self, door: Any, proxies: Proxies, spool: Any, trouble: Callable[[], str]) -> None:
        super().__init__(door, proxies, trouble)
        self._spool = spool

    def __rsgi_del__(self, loop: Any) -> None:
        self._spool.close()


def _free_number(settings: Settings) -> int:
    """The lowest number whose spool no other worker holds. A worker that died leaves its own to the next."""
    root = settings.folder / "spool"
    for number in range(1000):
        folder = root / f"{settings.collector}-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        finally:
            os.close(handle)
        return number
    raise UserError("A thousand spools are in use.", "Stop some collectors.")


def _house(settings: Settings) -> House:
    """What a door needs: sites and salts. The event store is the loader's, so it is not opened here."""
    nothing: Any = None
    return House(settings, nothing, Database(settings.records_dsn))


def _started_loader(settings: Settings) -> BaseProcess:
    process = multiprocessing.get_context("spawn").Process(target=load_for_ever, args=(msgspec.json.encode(settings),))
    process.start()
    return process


def load_for_ever(settings_json: bytes) -> None:
    """Load the spools of this machine until SIGTERM."""
    settings = msgspec.json.decode(settings_json, type=Settings)
    log.set_up(settings.log)
    warehouse = Warehouse(settings.events_dsn, settings.cluster, settings.memory_mb)
    migrate(warehouse, [step for s in SLICES for step in s.schema()])
    house = House(settings, warehouse, Database(settings.records_dsn))
    is_running = [True]
    signal.signal(signal.SIGTERM, lambda *_: is_running.clear())
    while is_running:
        try:
            load_spools(house)
        except Exception as error:  # noqa: BLE001 - the edge: what failed stays in the spool and is tried again
            _log.error("collectors.load_failed", why=log.without_values(str(error)))
            time.sleep(5)
        time.sleep(LOAD_EVERY_S)
    load_spools(house)
