"""Timed work with outside systems: what they delivered, and asking them for what is new."""

from datetime import timedelta

from tandem.accounts.model import Site
from tandem.base import clock, log
from tandem.base.errors import SourceError, UserError
from tandem.connections import store
from tandem.connections.model import Connection, Delivery, System
from tandem.core.context import House

LONGEST_WAIT = timedelta(hours=1)
_log = log.get("connections")


def work_on_inbox(house: House) -> int:
    """Work on each delivery that waits; one that fails lets the others pass. Returns how many are done."""
    finished, held = 0, dict[int, Connection]()
    for delivery in store.deliveries_waiting(house):
        if delivery.connection_id not in held:
            held[delivery.connection_id] = store.connection(house, delivery.connection_id)
        finished += _handled(house, held[delivery.connection_id], delivery)
    return finished


def _handled(house: House, held: Connection, delivery: Delivery) -> bool:
    site, system = _site(house, held), _system(house, held)
    if site is None or system is None or system.handle is None:
        store.done(house, delivery)
        return False
    try:
        system.handle(house, site, held, delivery)
    except (SourceError, UserError) as error:
        store.failed(house, delivery, str(error))
        _log.warning("connections.delivery_failed", system=held.system, delivery=delivery.id, why=type(error).__name__)
        return False
    except Exception as error:  # noqa: BLE001 - the edge: one delivery that breaks us must not stop the others
        store.failed(house, delivery, f"{type(error).__name__}: this is a fault of Tandem; see its log.")
        _log.error("connections.delivery_broke", system=held.system, delivery=delivery.id, exc_info=True)
        return False
    store.done(house, delivery)
    return True


def poll_due(house: House) -> int:
    """Ask each system whose time has come for what is new; returns the rows that came."""
    return sum(_polled(house, held) for held in store.due(house))


def _polled(house: House, held: Connection) -> int:
    site, system = _site(house, held), _system(house, held)
    now = clock.now()
    if site is None or system is None or system.poll is None:
        store.polled(house, held, now + timedelta(days=1), problem=held.problem)
        return 0
    try:
        told = system.poll(house, site, held)
    except (SourceError, UserError) as error:
        _postponed(house, held, system, str(error))
        return 0
    except Exception as error:  # noqa: BLE001 - the edge: one system that breaks us must not stop the others
        _log.error("connections.poll_broke", system=held.system, connection=held.id, exc_info=True)
        _postponed(house, held, system, f"{type(error).__name__}: this is a fault of Tandem; see its log.")
        return 0
    wait = timedelta(0) if told.is_more else timedelta(seconds=system.poll_every_s)
    store.polled(house, held, clock.now() + wait, cursor=told.cursor)
    _log.info("connections.polled", system=held.system, connection=held.id, rows=told.rows, is_more=told.is_more)
    return told.rows


def _postponed(house: House, held: Connection, system: System, why: str) -> None:
    wait = min(LONGEST_WAIT, timedelta(seconds=system.poll_every_s * 2 ** min(held.failures, 8)))
    store.polled(house, held, clock.now() + wait, problem=why)
    _log.warning("connections.poll_failed", system=held.system, connection=held.id, failures=held.failures + 1)


def _site(house: House, held: Connection) -> Site | None:
    return next((site for site in house.sites().values() if site.id == held.site_id), None)


def _system(house: House, held: Connection) -> System | None:
    return store.systems_of(house).get((held.area, held.system))
