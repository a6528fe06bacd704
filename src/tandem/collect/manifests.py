"""The loader's own small files in a spool folder: read so that one that is damaged stops nothing.

A manifest is called after the names in it, so a damaged one is written again from the segments that are there. What is
damaged is kept (`aside/<file>.unreadable`), and `tandem doctor` names it.
"""

import errno
import hashlib
import itertools
import re
from collections.abc import Iterable
from pathlib import Path

from tandem.base import log
from tandem.base.disk import sync_folder, write_whole
from tandem.base.spool import sealed

ASIDE, UNREADABLE = "aside", ".unreadable"
OWN_FAULTS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Why this process cannot read any file just now: that says nothing of the file, which waits."""
_SEGMENT = re.compile(r"[^/\0\n]+\.seg")
_OWN = re.compile(r"\.(batch|loaded|split|judged)(-\d+)?\.unreadable")
_log = log.get("collect")


def write_manifest(folder: Path, segments: Iterable[Path]) -> Path:
    """Write down which segments are a batch."""
    names = [path.name for path in segments]
    manifest = folder / f"{_called(folder, names)}.batch"
    write_whole(manifest, "\n".join(names).encode())
    return manifest


def segments_of(manifest: Path) -> list[Path]:
    """The segments that a manifest names; none when it was finished or set apart meanwhile.

    raises   OSError when this process cannot read any file just now
    """
    return [manifest.parent / name for name in _names_in(manifest)] if is_whole(manifest) else []


def is_whole(manifest: Path) -> bool:
    """Whether a manifest says what its batch is of. A damaged one is kept aside, and written again where it can be.

    Where it cannot, its segments belong to no batch, so they are judged anew: the store knows what it has of them.
    """
    try:
        names = _names_in(manifest)
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in OWN_FAULTS:
            raise
        names, why = [], type(error).__name__
    else:
        why = "not the names it is called after"
    if names and _called(manifest.parent, names) == manifest.stem:
        return True
    meant = _meant(manifest)
    if names and not meant:  # the folder has been moved, or somebody wrote it by hand
        return True
    set_apart(manifest, why)
    if meant:
        write_whole(manifest, "\n".join(meant).encode())
    return bool(meant)


def set_apart(path: Path, why: str) -> None:
    """Keep a file that is damaged, or that the disk does not give back, in the folder `aside`."""
    aside = path.parent / ASIDE
    aside.mkdir(exist_ok=True)
    path.rename(free_place(aside, path.name))
    sync_folder(aside)
    _log.error("collect.file_set_apart", file=path.name, folder=str(aside), why=why)


def free_place(aside: Path, name: str) -> Path:
    """Where a file that cannot be read is kept: what was kept there under its name before stays."""
    places = (aside / f"{name}{'' if nth == 1 else f'-{nth}'}{UNREADABLE}" for nth in itertools.count(1))
    return next(place for place in places if not place.exists())


def is_own(unreadable: Path) -> bool:
    """Whether what was set apart is one of these small files: no received record is in it."""
    return _OWN.search(unreadable.name) is not None


def _names_in(manifest: Path) -> list[str]:
    """raises   OSError; ValueError when it holds anything but names of segments"""
    names = manifest.read_bytes().decode().split("\n")
    if not all(_SEGMENT.fullmatch(name) for name in names):
        raise ValueError(manifest.name)
    return names


def _meant(manifest: Path) -> list[str]:
    """The names that a manifest is called after: a run of segments that no other manifest names; [] when none is."""
    folder, begin = manifest.parent, manifest.stem.partition("-")[0]
    others = {name for other in folder.glob("*.batch") if other != manifest for name in _names_or_none(other)}
    names = [path.name for path in sealed(folder) if path.name not in others]
    for first, name in enumerate(names):
        if name.removesuffix(".seg").partition("-")[0] == begin:
            called = hashlib.sha256(f"{folder}".encode())
            for last in range(first, len(names)):
                called.update(f"\n{names[last]}".encode())
                if f"{begin}-{called.hexdigest()[:32]}" == manifest.stem:
                    return names[first : last + 1]
    return []


def _names_or_none(manifest: Path) -> list[str]:
    try:
        return _names_in(manifest)
    except (OSError, ValueError):
        return []


def _called(folder: Path, names: list[str]) -> str:
    """A short name, however often its segments were put aside and back: names grow too long for a disk."""
    mark = hashlib.sha256("\n".join([str(folder), *names]).encode()).hexdigest()[:32]
    return f"{names[0].removesuffix('.seg').partition('-')[0]}-{mark}"
