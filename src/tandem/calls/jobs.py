"""Timed work: archive leases that are over, and weigh calls again when more may be known."""

from datetime import timedelta

from tandem.base import clock
from tandem.calls import store
from tandem.core.context import Context

AGAIN = timedelta(days=1)


def archive_leases(ctx: Context) -> int:
    """Move what is over into the event store; returns how many leases."""
    total = 0
    while moved := store.archive_leases(ctx):
        total += moved
    return total


def weigh_again(ctx: Context) -> int:
    """Weigh the calls of the last day again; returns how many have a candidate."""
    since = clock.now() - AGAIN
    return sum(store.credit_again(ctx, site, since) for site in ctx.sites().values())
