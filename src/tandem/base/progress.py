"""Long work that somebody waits for: how far it is, how long it still takes, and a way to stop it.

The work tells `at` where it is, without knowing whether anybody asks; the request that does it is `watched`, under a
name that the waiting page chose. Both meet in this process's memory: work in another process shows no progress.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from tandem.base.errors import UserError

T = TypeVar("T")
EARLY = 0.02
"""The share below which no time is foretold."""


class TrackedWork:
    """One piece of work. `share` is what is done (0 to 1), `part` the stretch of it that is worked on now."""

    def __init__(self) -> None:
        self.began, self.share, self.part = time.monotonic(), 0.0, (0.0, 1.0)
        self.is_stopped, self.can_stop = False, True

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take at the speed so far; None while that says nothing."""
        if self.share < EARLY:
            return None
        return (time.monotonic() - self.began) * (1 - self.share) / self.share


class ProgressRegistry:
    """What is being worked on in this process, by owner and name."""

    def __init__(self) -> None:
        self._lock, self._works = threading.Lock(), dict[tuple[int, str], TrackedWork]()

    def find(self, owner: int, name: str) -> TrackedWork | None:
        with self._lock:
            return self._works.get((owner, name))

    @contextmanager
    def tracked(self, owner: int, name: str) -> Iterator[None]:
        """What this thread does inside can be asked for under this name; without a name, nobody asks."""
        if not name:
            yield
            return
        work = TrackedWork()
        with self._lock:
            self._works[owner, name] = work
        try:
            with followed(work):
                yield
        finally:
            with self._lock:
                self._works.pop((owner, name), None)


_work: ContextVar[TrackedWork | None] = ContextVar("work", default=None)


@contextmanager
def followed(work: TrackedWork) -> Iterator[None]:
    """What this thread does inside is told to `work`, and ends where that is stopped."""
    before = _work.set(work)
    try:
        yield
    finally:
        _work.reset(before)


def look() -> None:
    """Work that does not know how far it is ends here when somebody has stopped it.

    raises   UserError then
    """
    if work := _work.get():
        _check(work)


def at(done: float, whole: float) -> None:
    """So much of the present part is done; with an unknown whole (0) nothing is told.

    raises   UserError when somebody has stopped the work
    """
    if (work := _work.get()) is None:
        return
    _check(work)
    low, high = work.part
    work.share = max(work.share, low + (high - low) * (min(done / whole, 1.0) if whole else 0.0))


@contextmanager
def part(low: float, high: float) -> Iterator[None]:
    """What is told inside is of this stretch (0 to 1) of the present part."""
    if (work := _work.get()) is None:
        yield
        return
    begin, end = work.part
    work.part = (begin + (end - begin) * low, begin + (end - begin) * high)
    try:
        yield
        at(1, 1)
    finally:
        work.part = (begin, end)


def parts(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The things so many at a time, each portion told."""
    for i in range(0, len(things), size):
        at(i, len(things))
        yield things[i : i + size]


def for_good() -> None:
    """From here on the work is finished whatever happens: it cannot be stopped any more.

    raises   UserError when somebody has stopped it before
    """
    if work := _work.get():
        _check(work)
        work.can_stop = False


def _check(work: TrackedWork) -> None:
    if work.is_stopped and work.can_stop:
        raise UserError("The import was cancelled.", "Nothing was imported. You can import the file again at any time.")
