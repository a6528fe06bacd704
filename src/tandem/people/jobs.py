"""Timed work: conclude who is who from new evidence every few seconds, from all of it at the start and once a day."""

from datetime import datetime, timedelta

from tandem.accounts.house import House
from tandem.base import clock, log
from tandem.people import store

WHOLE_EVERY = timedelta(days=1)
_log = log.get("people")


def stitch_where_needed(house: House) -> int:
    """Stitch every site; returns how many identifiers have another person now."""
    wholes: dict[int, datetime] = house.parts.setdefault("stitched_whole", {})
    moved = 0
    for site in house.sites().values():
        # At the start everything: what was noted just before a crash waits in no memory.
        is_whole = site.id not in wholes or clock.now() - wholes[site.id] > WHOLE_EVERY
        if is_whole:
            found, wholes[site.id] = store.stitch_all(house, site), clock.now()
        else:
            found = store.stitch_new(house, site)
        if found:
            _log.info("people.stitched", site=site.key, moved=found, whole=is_whole)
        moved += found
    return moved
