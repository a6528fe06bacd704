"""A full disk of ours, named to whoever gave the command; that of a file to be written is told by its draft."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tandem.base.config import Config
from tandem.base.data_folder import CHDB
from tandem.base.errors import UserError
from tandem.base.warehouse import is_disk_full

LITTLE = 16 << 20


@contextmanager
def named(config: Config) -> Iterator[None]:
    """Raises UserError (503) that names the full disk, for whichever error of a store or the system tells of one."""
    try:
        yield
    except Exception as error:
        if not is_disk_full(error):
            raise
        raise UserError(
            f"The disk of {_place(error, config)} is full.", "Make room on it, then do it again.", 503
        ) from error


def _place(error: Exception, config: Config) -> str:
    if isinstance(error, OSError):  # what is read or sorted on the way lies in the system's temporary folder
        folders = (config.folder, Path(tempfile.gettempdir()))
        return str(next((folder for folder in folders if shutil.disk_usage(folder).free < LITTLE), config.folder))
    return f"the data folder {config.folder}" if config.events_dsn.startswith(CHDB) else "the store's server"
