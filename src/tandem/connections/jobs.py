"""Timed work with outside systems: what they delivered, and asking them for what is new."""

import time
from datetime import timedelta

from tandem.accounts.model import Site
from tandem.base import clock, log
from tandem.base.errors import SourceError, UserError
from tandem.connections import store
from tandem.connections.model import Connection, Delivery, System
from tandem.core.context import Context

WORKED_OFF_WITHIN_S = 30.0
UNREADABLE = "It was encrypted with another key. Run tandem doctor."
_log = log.get("connections")


def work_on_inbox(ctx: Context) -> int:
    """Work on each delivery that waits; one that fails lets the others pass. Returns how many are done."""
    finished, connections = 0, dict[int, Connection]()
    for delivery in store.deliveries_waiting(ctx):
        if delivery.connection_id not in connections:
            connections[delivery.connection_id] = store.connection(ctx, delivery.connection_id)
        # A person that is erased after the delivery was read would come back.
        with ctx.database.beside_others():
            if store.is_waiting(ctx, delivery):
                finished += _handle(ctx, connections[delivery.connection_id], delivery)
    return finished


def work_off(ctx: Context) -> None:
    """Work on whatever can be worked on now, for half a minute at most."""
    until = time.monotonic() + WORKED_OFF_WITHIN_S
    while work_on_inbox(ctx) and time.monotonic() < until:
        pass


def _handle(ctx: Context, connection: Connection, delivery: Delivery) -> bool:
    if connection.is_unreadable or delivery.is_unreadable:
        store.mark_failed(ctx, delivery, UNREADABLE)
        return False
    site, system = _site(ctx, connection), _system(ctx, connection)
    if site is None or system is None or system.handle is None:
        store.mark_done(ctx, delivery)
        return False
    try:
        system.handle(ctx, site, connection, delivery)
    except (SourceError, UserError) as error:
        store.mark_failed(ctx, delivery, str(error))
        _log.warning(
            "connections.delivery_failed", system=connection.system, delivery=delivery.id, why=type(error).__name__
        )
        return False
    except Exception as error:  # noqa: BLE001 - the edge: one delivery that breaks us must not stop the others
        store.mark_failed(ctx, delivery, f"{type(error).__name__}: this is a bug in Tandem. See its log.")
        _log.error("connections.delivery_broke", system=connection.system, delivery=delivery.id, exc_info=True)
        return False
    store.mark_done(ctx, delivery)
    return True


def poll_due(ctx: Context) -> int:
    """Ask each system whose time has come for what is new; returns the rows that came."""
    return sum(_poll(ctx, connection) for connection in store.due(ctx))


def _poll(ctx: Context, connection: Connection) -> int:
    site, system = _site(ctx, connection), _system(ctx, connection)
    now = clock.now()
    if site is None or system is None or system.poll is None:
        store.mark_polled(ctx, connection, now + store.NO_POLL_WAIT, problem=connection.problem)
        return 0
    try:
        polled = system.poll(ctx, site, connection)
    except (SourceError, UserError) as error:
        _postpone(ctx, connection, system, str(error))
        return 0
    except Exception as error:  # noqa: BLE001 - the edge: one system that breaks us must not stop the others
        _log.error("connections.poll_broke", system=connection.system, connection=connection.id, exc_info=True)
        _postpone(ctx, connection, system, f"{type(error).__name__}: this is a bug in Tandem. See its log.")
        return 0
    wait = timedelta(0) if polled.is_more else timedelta(seconds=system.poll_every_s)
    store.mark_polled(ctx, connection, clock.now() + wait, cursor=polled.cursor)
    _log.info(
        "connections.polled",
        system=connection.system,
        connection=connection.id,
        rows=polled.rows,
        is_more=polled.is_more,
    )
    return polled.rows


def _postpone(ctx: Context, connection: Connection, system: System, why: str) -> None:
    wait = min(store.LONGEST_WAIT, timedelta(seconds=system.poll_every_s * 2 ** min(connection.failures, 8)))
    store.mark_polled(ctx, connection, clock.now() + wait, problem=why)
    _log.warning(
        "connections.poll_failed", system=connection.system, connection=connection.id, failures=connection.failures + 1
    )


def _site(ctx: Context, connection: Connection) -> Site | None:
    return next((site for site in ctx.sites().values() if site.id == connection.site_id), None)


def _system(ctx: Context, connection: Connection) -> System | None:
    return store.systems_of(ctx).get((connection.area, connection.system))
