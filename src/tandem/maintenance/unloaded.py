"""What has been received and not yet loaded: a backup and an erasure take it in first."""

import fcntl
import os
import time

from tandem.base.spool import recover
from tandem.collect.loader import spool_folders
from tandem.collect.slice import load_spools
from tandem.core.context import Context

SEALED_WITHIN_S = 5.0


def load_what_came_in(ctx: Context) -> list[str]:
    """Load every spool of this machine; returns the folders in which something could not be sealed.

    What cannot be loaded is put aside at once, so that one bad hit keeps nobody from a backup.

    What a killed collector left open is sealed here; one that runs seals its own within half a second.
    """
    folders = list(spool_folders(ctx.config.folder / "spool"))
    begun = [path for folder in folders for path in folder.glob("*.open")]
    for folder in {path.parent for path in begun}:
        handle = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            recover(folder)
        except BlockingIOError:
            pass  # its collector runs
        finally:
            os.close(handle)
    until = time.monotonic() + SEALED_WITHIN_S
    while any(path.exists() for path in begun) and time.monotonic() < until:
        time.sleep(0.05)
    load_spools(ctx, at_once=True)
    return sorted({str(path.parent) for path in begun if path.exists()})
