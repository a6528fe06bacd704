"""A file that gets its name when it is whole: until then it is a draft beside it, locked by whoever writes it."""

import errno
import fcntl
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from tandem.base.disk import sync_folder
from tandem.base.errors import UserError

OF_THE_NAME = 60
"""So many signs of the file's name stand in the draft's, which may have 255 bytes in all."""


class Draft:
    """Takes bytes for a file that does not exist yet and that only its owner may read.

    Drafts of the same file whose writers are dead are taken away. `publish` gives the file its name, `discard` ends it.
    """

    def __init__(self, target: Path) -> None:
        """raises UserError when the name is taken, or nothing can be written there"""
        self.target = target
        _check_free(target)
        try:
            _clear_dead(target)
            self.path, handle = _locked(target)
        except OSError as error:
            raise _unwritable(target, error) from error
        self._file = os.fdopen(handle, "wb")

    def write(self, block: bytes) -> int:
        try:
            return self._file.write(block)
        except OSError as error:
            raise _unwritable(self.target, error) from error

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        """Have all of it where it can be read."""
        try:
            self._file.flush()
        except OSError as error:
            raise _unwritable(self.target, error) from error

    def publish(self) -> None:
        """Give the file its name.

        raises   UserError when the name was taken meanwhile
        """
        self.flush()
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _unwritable(self.target, error) from error
        try:
            os.link(self.path, self.target)
        except FileExistsError as error:
            raise _taken(self.target) from error
        except OSError:  # a file system without hard links
            _check_free(self.target)
            self.path.rename(self.target)
        self.discard()
        with suppress(OSError):  # some shares cannot
            sync_folder(self.target.parent)

    def discard(self) -> None:
        """Take the draft away, if it is still there."""
        self.path.unlink(missing_ok=True)
        with suppress(OSError):  # what a full disk did not take is tried once more
            self._file.close()


def _check_free(target: Path) -> None:
    try:
        target.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(target, error) from error
    raise _taken(target)


def _locked(target: Path) -> tuple[Path, int]:
    """A new draft, and the file that holds the lock on it until it is closed."""
    while True:
        path = target.with_name(f".{target.name[:OF_THE_NAME]}.{secrets.token_hex(4)}.part")
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o600)
        with suppress(OSError):  # a file system without locks: nobody can take this draft for a dead one's there
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return path, handle
        os.close(handle)  # somebody found it before it was locked


def _clear_dead(target: Path) -> None:
    """Take away drafts that nobody holds; up to 0.3 they had the number of a process in their names."""
    drafts = re.compile(rf"\.{re.escape(target.name[:OF_THE_NAME])}\.[0-9a-f]+\.part")
    found: list[Path] = []
    with suppress(PermissionError):  # a folder that can be written and not listed
        found = [path for path in target.parent.iterdir() if drafts.fullmatch(path.name)]
    for path in found:
        with suppress(OSError):  # of a living writer, or not ours
            handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(handle)


def _taken(target: Path) -> UserError:
    return UserError(f"{target} exists already.", "Choose another name; nothing is written over.")


def _unwritable(target: Path, error: OSError) -> UserError:
    cures = {
        errno.ENAMETOOLONG: "Choose a shorter name.",
        errno.ENOSPC: "Make room, or choose another disk.",
        errno.EDQUOT: "Make room, or choose another disk.",
    }
    text = str(target) if len(str(target)) <= 300 else f"{str(target)[:300]}…"
    return UserError(
        f"{text} cannot be written: {error.strerror}.", cures.get(error.errno or 0, "Choose another folder.")
    )
