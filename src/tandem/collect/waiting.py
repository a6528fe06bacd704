"""How much waits in the spools to be loaded: counted in bounded time, and no record read twice."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Literal

import msgspec

from tandem.collect.model.hit import Glimpse

READ_BYTES = 16 << 20
"""So much is read for one answer; the rest is estimated, and read for the next."""
MOST_SEGMENTS = 10_000
"""So many segments are looked at. Where loading stands still, a busy collector seals one each second."""
_glimpse = msgspec.json.Decoder(Glimpse).decode


class WaitingEvents(msgspec.Struct, frozen=True):
    """Events of a site that are on disk and not in the store yet.

    events   two digits and zeros where `how` is not exact; 0 also where there may be some, but none has been seen
    """

    events: int
    how: Literal["exact", "about", "more"] = "exact"


class _Segment:
    """What has been read of one segment: it only grows until it is sealed, and never changes after that."""

    def __init__(self) -> None:
        self.read, self.events, self.is_read_out = 0, dict[int, int](), False

    def read_on(self, path: str, most: int) -> int:
        """Read what follows, but no more than about so many bytes; returns how many."""
        before, self.is_read_out = self.read, False
        with open(path, "rb") as file:
            file.seek(before)
            for line in file:
                if not line.endswith(b"\n") and path.endswith(".open"):
                    break  # half written
                self._count(line)
                if self.read - before >= most:
                    return self.read - before
        self.is_read_out = True
        return self.read - before

    def _count(self, line: bytes) -> None:
        self.read += len(line)
        with suppress(msgspec.DecodeError, ValueError, RecursionError):  # damaged: the loader puts it aside
            seen = _glimpse(line[9:])
            self.events[seen.site] = self.events.get(seen.site, 0) + len(seen.events)


class Spooled:
    """The spools under a folder, and what has been counted in them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[tuple[str, int], _Segment] = {}
        self._lock = threading.Lock()

    def waiting(self, site: int) -> WaitingEvents:
        """The events of a site; exact where all could be read by now."""
        with self._lock:
            segment_files = self._listed()
            listed = list(islice(segment_files, MOST_SEGMENTS))
            is_cut = next(segment_files, None) is not None
            unread = self._read_on(listed)
            segments = self._known.values()
            events = sum(segment.events.get(site, 0) for segment in segments)
            read = sum(segment.read for segment in segments)
        if is_cut:
            return WaitingEvents(_two_digits(events), "more")
        if unread:
            return WaitingEvents(_two_digits(events + events * unread // max(1, read)), "about")
        return WaitingEvents(events)

    def _read_on(self, listed: list[tuple[str, int, int]]) -> int:
        """Read on where reading ended; returns how many bytes of these segments are not read yet."""
        segments, left, unread = dict[tuple[str, int], _Segment](), READ_BYTES, 0
        for path, number, size in listed:
            key = (path.rpartition(".")[0], number)
            segment = self._known.get(key)
            if segment is None or segment.read > size:  # cut off, or written anew by an erasure
                segment = _Segment()
            is_read_out = segment.read >= size
            try:
                if not is_read_out and left > 0:
                    left -= segment.read_on(path, left)
                    is_read_out = segment.is_read_out
            except OSError:  # loaded meanwhile, or not to be read: the loader sets it apart
                continue
            segments[key] = segment
            unread += 0 if is_read_out else max(0, size - segment.read)
        self._known = segments
        return unread

    def _listed(self) -> Iterator[tuple[str, int, int]]:
        """Segments with the number of their file, which stays when one is sealed, and their size."""
        for folder in self._root.glob("*/"):
            with suppress(FileNotFoundError), os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith((".seg", ".open")):
                        with suppress(FileNotFoundError):  # loaded meanwhile
                            facts = entry.stat()
                            yield entry.path, facts.st_ino, facts.st_size


def _two_digits(number: int) -> int:
    unit = int(10 ** max(0, len(str(number)) - 2))
    return number // unit * unit
