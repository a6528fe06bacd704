"""Timed work: put away leases that are over, and weigh calls again when more may be known."""

from datetime import timedelta

from tandem.base import clock
from tandem.calls import store
from tandem.core.context import House

AGAIN = timedelta(days=1)


def put_away_leases(house: House) -> int:
    """Move what is over into the event store; returns how many leases."""
    total = 0
    while moved := store.put_away(house):
        total += moved
    return total


def weigh_again(house: House) -> int:
    """Weigh the calls of the last day again; returns how many have a candidate."""
    since = clock.now() - AGAIN
    return sum(store.credit_again(house, site, since) for site in house.sites().values())
