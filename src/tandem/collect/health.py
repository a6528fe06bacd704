"""Whether what is received goes on into the store: what `/healthz` answers by, and `tandem doctor` looks at."""

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tandem.accounts.house import House
from tandem.accounts.store import all_sites
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.base.spool import sealed
from tandem.collect.jobs import spool_folders

STANDS_STILL_S = 120.0
LEAST_FREE = 128 << 20
CLOCK_MOVED_S = 3600.0


def troubles(house: House) -> Iterator[UserError]:
    """What keeps hits from being received, dated rightly and loaded, the worst first; nothing when all is well."""
    if not house.warehouse.is_up():
        yield UserError("The event store does not answer.", "`tandem doctor` tells more.", status=503)
    try:
        all_sites(house.database)
    except Exception:  # noqa: BLE001 - the edge: whatever keeps it from answering
        yield UserError("The record store does not answer.", "`tandem doctor` tells more.", status=503)
    free = shutil.disk_usage(house.settings.folder).free
    if free < LEAST_FREE:
        yield UserError(
            "Only %(free)s MB are free on the disk of the data folder.",
            "Make room: a full disk makes collectors answer 503.",
            status=503,
            free=free >> 20,
        )
    if (minutes := minutes_still(house)) is not None:
        yield UserError(
            "Nothing has been loaded into the event store for %(minutes)s minutes: %(why)s.",
            "What is received waits on disk and is not lost; `tandem doctor` tells more.",
            status=503,
            minutes=minutes,
            why=house.parts.get("loading_problem") or "the loader does not run",
        )
    if abs(moved := clock.moved_s()) > CLOCK_MOVED_S:
        yield UserError(
            "The clock of this machine has moved by %(hours)s hours since Tandem started.",
            "Set the clock right, or start Tandem again if it is right now.",
            status=503,
            hours=round(moved / 3600, 1),
        )


def minutes_still(house: House) -> int | None:
    """For how long loading has stood still though something waits; None when it goes on or a backup holds it."""
    age = oldest_s(house.settings.folder / "spool")
    still: float = min(age, time.monotonic() - house.parts.get("loading_went_on", 0.0))
    if still < STANDS_STILL_S:
        return None
    if house.loading.acquire(blocking=False):
        house.loading.release()
    elif not house.parts.get("loading_problem"):
        return None
    return round(still / 60)


def oldest_s(root: Path) -> float:
    """Age of the oldest segment that waits to be loaded, in seconds; 0 when none does."""
    ages = [0.0]
    for folder in spool_folders(root):
        for path in sealed(folder):
            with suppress(FileNotFoundError):  # loaded meanwhile
                ages.append(time.time() - path.stat().st_mtime)
    return max(ages)
