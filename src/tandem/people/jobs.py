"""Timed work: conclude who is who from new evidence every few seconds, from all of it at the start and once a day."""

from datetime import datetime, timedelta

from tandem.base import clock, log
from tandem.core.context import Context
from tandem.people import store

WHOLE_EVERY = timedelta(days=1)
_log = log.get("people")


class StitchedWhole(dict[int, datetime]):
    """When all evidence of a site was last looked at in this process."""


def stitch_where_needed(ctx: Context) -> int:
    """Stitch every site; returns how many identifiers have another person now."""
    wholes = ctx.state(StitchedWhole)
    moved = 0
    for site in ctx.sites().values():
        # At the start everything: what was noted just before a crash waits in no memory.
        is_whole = site.id not in wholes or abs(clock.now() - wholes[site.id]) > WHOLE_EVERY
        if is_whole:
            count, wholes[site.id] = store.stitch_all(ctx, site), clock.now()
        else:
            count = store.stitch_new(ctx, site)
        if count:
            _log.info("people.stitched", site=site.key, moved=count, whole=is_whole)
        moved += count
    return moved
