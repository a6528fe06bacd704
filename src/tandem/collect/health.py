"""Whether what is received goes on into the store: what `/healthz` answers by, and `tandem doctor` looks at."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from tandem.accounts.store import all_sites
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.base.spool import sealed
from tandem.collect.loader import Loaders, spool_folders
from tandem.core.context import Context

STANDS_STILL_S = 120.0
STUCK_S = 900.0
TRIED_EVERY_S = 5.0
LEAST_FREE = 128 << 20
CLOCK_MOVED_S = 3600.0


def troubles(ctx: Context) -> Iterator[UserError]:
    """What keeps hits from being received, dated rightly and loaded, the worst first; nothing when all is well."""
    if not ctx.warehouse.is_up():
        yield UserError("The event store does not respond.", "Run `tandem doctor` for details.", status=503)
    try:
        all_sites(ctx.database)
    except Exception:  # noqa: BLE001 - the edge: whatever keeps it from answering
        yield UserError("The record store does not respond.", "Run `tandem doctor` for details.", status=503)
    free = shutil.disk_usage(ctx.config.folder).free
    if free < LEAST_FREE:
        yield UserError(
            "The disk of the data folder has only %(free)s MB free.",
            "Free some space: collectors answer 503 when the disk is full.",
            status=503,
            free=free >> 20,
        )
    if (minutes := minutes_still(ctx)) is not None:
        yield UserError(
            "Nothing has been loaded into the event store for %(minutes)s minutes: %(why)s.",
            "Received data is kept on disk and is not lost. Run `tandem doctor` for details.",
            status=503,
            minutes=minutes,
            why=ctx.state(Loading).problem or "the loader is stuck or not running",
        )
    elif (stuck := stuck_s(ctx)) > STUCK_S:
        yield UserError(
            "One batch of events has not been loaded for %(minutes)s minutes, although others are.",
            "Received data is kept on disk and is not lost. Run `tandem doctor` for details.",
            status=503,
            minutes=round(stuck / 60),
        )
    yield from [loader.doubt for loader in ctx.state(Loaders).values() if loader.doubt][:1]
    if abs(moved := clock.moved_s()) > CLOCK_MOVED_S:
        yield UserError(
            "This server's clock has moved by %(hours)s hours since Tandem started.",
            "Set the clock right. If it is right now, restart Tandem.",
            status=503,
            hours=round(moved / 3600, 1),
        )


class Loading(msgspec.Struct):
    """How loading goes in this process: since when it runs, when it last went on, what keeps it, who holds it up.

    since, went_on   seconds of the monotonic clock
    problem          why nothing can be loaded; empty while it can
    paused_by        what the loader has to wait for; empty when for nothing
    """

    since: float = 0.0
    went_on: float = 0.0
    problem: str = ""
    paused_by: str = ""

    def goes_on(self) -> None:
        self.went_on = time.monotonic()


class Disk:
    """Whether a collector's spool can be written to: tried, but no more often than every few seconds."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._tried_at, self._found = folder, -TRIED_EVERY_S, ""

    def trouble(self) -> str:
        """Why hits cannot be received, with what mends it; empty when they can."""
        if time.monotonic() - self._tried_at >= TRIED_EVERY_S:
            self._found, self._tried_at = self._look(), time.monotonic()
        return self._found

    def _look(self) -> str:
        probe = self._folder / "probe"
        try:
            probe.write_bytes(b"ok")
            probe.unlink()
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            return f"The spool cannot be written to ({error.strerror}). Check the disk and the folder's permissions."
        return f"Only {free >> 20} MB are free on the disk of the spool. Free some space." if free < LEAST_FREE else ""


@contextmanager
def loading_paused(ctx: Context, by: str) -> Iterator[None]:
    """Keep the loader waiting, for as long as it takes; `by` says what for."""
    with ctx.loading:
        ctx.state(Loading).paused_by = by
        try:
            yield
        finally:
            ctx.state(Loading).paused_by = ""


def minutes_still(ctx: Context) -> int | None:
    """For how long loading has stood still though something waits; None when it goes on, or is paused with reason.

    A loader that hangs holds the lock too, and says nothing.
    """
    age = oldest_s(ctx.config.folder / "spool")
    loading = ctx.state(Loading)
    still = min(age, time.monotonic() - loading.went_on)
    is_paused = loading.paused_by and not loading.problem
    return None if still < STANDS_STILL_S or is_paused else round(still / 60)


def stuck_s(ctx: Context) -> float:
    """For how long the oldest batch that was begun has not been finished while this process ran, in seconds."""
    loading = ctx.state(Loading)
    if loading.paused_by:
        return 0.0
    ages = [0.0]
    for folder in spool_folders(ctx.config.folder / "spool"):
        for manifest in folder.glob("*.batch"):
            with suppress(FileNotFoundError):  # finished meanwhile
                ages.append(time.time() - manifest.stat().st_mtime)
    return min(max(ages), time.monotonic() - loading.since)


def oldest_s(root: Path) -> float:
    """Age of the oldest segment that waits to be loaded, in seconds; 0 when none does."""
    ages = [0.0]
    for folder in spool_folders(root):
        for path in sealed(folder):
            with suppress(FileNotFoundError):  # loaded meanwhile
                ages.append(time.time() - path.stat().st_mtime)
    return max(ages)
