"""An erasure writes down what it is about to do, so that one that was cut off is finished, and told of in full.

What it erased cannot be counted once it is gone: the ledger of reception, which knows what every day holds, tells.
"""

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from tandem.accounts.store import note
from tandem.base import clock
from tandem.base.disk import write_whole
from tandem.base.errors import NO_JSON, UserError
from tandem.collect import store as collect
from tandem.collect.batches import Unread, unread_aside
from tandem.core.context import Context

FILE = "erasure.unfinished"
HOLDER = "an erasure"
"""By this name an erasure that is under way holds the loader."""
SETTLED_WITHIN_S = 600.0
NONE = Unread()
Counts = list[tuple[int, date, int]]
"""Site, day of reception, events."""


class Erasure(msgspec.Struct, frozen=True):
    """Without a key of the person: this file must not outlive them.

    counts   what the person has, before anything is erased
    state    whether the ledger says yet that these events are no more
    unread   what was put aside that nobody can read
    """

    counts: Counts
    state: Literal["begun", "balanced"] = "begun"
    unread: Unread = NONE


def begin(folder: Path, counts: Sequence[tuple[int, date, int]], unread: Unread = NONE) -> None:
    """Say on disk what is about to be erased."""
    _write(folder, Erasure(list(counts), unread=unread))


def balance(ctx: Context, counts: Sequence[tuple[int, date, int]], unread: Unread = NONE) -> None:
    """Say in the ledger of reception that these events are no more; without the visitor."""
    erased = {(site, on, "erased"): events for site, on, events in counts}
    collect.add_ingestion(ctx.warehouse, erased, f"erased-{clock.now_ms()}")
    _write(ctx.config.folder, Erasure(list(counts), "balanced", unread))


def end(
    ctx: Context,
    counts: Sequence[tuple[int, date, int]],
    finished: int = 0,
    unread: Unread = NONE,
    waiting: int = 0,
    unreadable: int = 0,
) -> None:
    """Say in the audit log what was erased, and that nothing is left to do.

    finished   events that an erasure had erased which was cut off and is finished with this one
    unread     what was put aside that nobody could read, and is deleted
    waiting    webhooks that nobody could work on, and that are cleared
    unreadable webhooks that were sealed with another key, and stay: nobody can say whom they name
    """
    sites = {site.id: site for site in ctx.sites().values()}
    named = {row[0] for row in counts}
    keys = sorted(sites[number].key if number in sites else f"#{number}" for number in named)
    workspaces = {site.workspace_id for site in sites.values() if not named or site.id in named}
    more = {"finished": finished} if finished else {}
    more |= {"unread_files": unread.files, "unread_bytes": unread.bytes} if unread.files else {}
    more |= {"deliveries": waiting} if waiting else {}
    more |= {"unreadable_deliveries": unreadable} if unreadable else {}
    with ctx.database.write() as connection:
        for workspace in sorted(workspaces):
            events = sum(row[2] for row in counts)
            note(connection, workspace, None, "data.erased", "one person", events=events, sites=keys, **more)
    (ctx.config.folder / FILE).unlink(missing_ok=True)


def is_cut_off(folder: Path) -> bool:
    """Whether an erasure was begun here and not finished."""
    return (folder / FILE).exists()


def finish(ctx: Context) -> Counts:
    """Finish an erasure that was cut off: its ledger and its entry in the audit log. What it had not reached yet of
    the person is still there, and erased when the command is given again.

    The caller holds `ctx.loading`, and everything that came in is loaded.
    returns  what it erased; nothing where none was cut off
    """
    if not is_cut_off(ctx.config.folder):
        return []
    erasure = _read(ctx.config.folder / FILE)
    _wait_until_settled(ctx)
    if erasure.state == "begun":
        counts = [(site, on, gone) for site, on, _ in erasure.counts if (gone := _missing(ctx, site, on)) > 0]
        balance(ctx, counts, erasure.unread)
        erasure = Erasure(counts, "balanced", erasure.unread)
    end(ctx, erasure.counts, unread=_gone(erasure.unread, unread_aside(ctx.config.folder / "spool")))
    return erasure.counts


def _read(path: Path) -> Erasure:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Erasure)
    except NO_JSON as error:
        raise UserError(
            f"The note of an erasure that was interrupted cannot be read: {path}.",
            "Delete it and run the erasure again. The audit log will not tell how much the first attempt erased.",
            status=409,
        ) from error


def _gone(before: Unread, now: Unread) -> Unread:
    return Unread(max(0, before.files - now.files), max(0, before.bytes - now.bytes))


def _missing(ctx: Context, site: int, on: date) -> int:
    """How many events of a day the ledger has and the store has not."""
    return next((day.balance for day in collect.ingestion_days(ctx.warehouse, site, on) if day.on == on), 0)


def _wait_until_settled(ctx: Context) -> None:
    """The engine goes on by itself with a deletion that it was at when it was killed."""
    asked = "select count() from system.mutations where database = currentDatabase() and not is_done"
    until = time.monotonic() + SETTLED_WITHIN_S
    while ctx.warehouse.value(asked):
        if time.monotonic() > until:
            raise UserError("An interrupted erasure is still being completed.", "Run the command again later.")
        time.sleep(0.2)


def _write(folder: Path, erasure: Erasure) -> None:
    write_whole(folder / FILE, msgspec.json.encode(erasure))
