"""In which order files reach the disk: what is synced, and when files get their names."""

import os
import stat
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Step(NamedTuple):
    """A file or folder that is synced or gets a name.

    size   what it held then; 0 of a folder
    """

    what: str
    number: int
    size: int = 0


def synced(path: Path) -> Step:
    return _step("synced", os.stat(path))


def named(path: Path) -> Step:
    return _step("named", os.stat(path))


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """What happens from now on."""
    steps = list[Step]()

    def noting(name: str, what: str) -> None:
        real = getattr(os, name)

        def called(file: Any, *more: Any, **also: Any) -> Any:
            steps.append(_step(what, os.stat(file)))
            return real(file, *more, **also)

        monkeypatch.setattr(os, name, called)

    noting("fsync", "synced")
    noting("replace", "named")
    noting("link", "named")
    return steps


def _step(what: str, facts: os.stat_result) -> Step:
    return Step(what, facts.st_ino, 0 if stat.S_ISDIR(facts.st_mode) else facts.st_size)
