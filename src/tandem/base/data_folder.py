"""The data folder as a whole: whether what lies in it is all there, and nobody works on it."""

import fcntl
from contextlib import suppress
from pathlib import Path

from tandem.base.errors import UserError

UNFINISHED = "restore.unfinished"
"""Lies in the folder while a backup is put back into it."""

IN_USE = (
    "Tandem is already running on this data folder.",
    "Stop the other one, or choose another folder with TANDEM_DATA.",
)
CHDB = "chdb:///"


def check_free(events_dsn: str) -> None:
    """Refuse an event store that another process has open, before the engine does: it prints an error of its own first.

    raises   UserError (409)
    """
    status = Path(events_dsn.removeprefix(CHDB)) / "status"  # the engine holds a lock on it while it runs
    with suppress(FileNotFoundError, PermissionError):
        if events_dsn.startswith(CHDB) and status.exists():
            with status.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise UserError(*IN_USE, status=409) from error


def check_whole(folder: Path) -> None:
    """Refuse a folder that a restore has filled in part: its pages would show a part of the history as the whole.

    raises   UserError (409)
    """
    if (folder / UNFINISHED).exists():
        raise UserError(
            f"A restore into {folder} did not finish.",
            "Run `tandem restore` with the same backup again. It removes what is left of the first attempt.",
            status=409,
        )
