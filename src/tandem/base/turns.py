"""Whose turn it is where only so many can be served at one time."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """So many ask at one time. Next comes whoever has the fewest questions before the engine, then who waits longest:
    the many questions of one hold up nobody's few.
    """

    def __init__(self, at_once: int) -> None:
        self._free, self._changed = at_once, threading.Condition()
        self._asking = Counter[str]()
        self._waiting: list[tuple[str, object]] = []

    @contextmanager
    def turn_of(self, who: str) -> Iterator[None]:
        ticket = (who, object())
        with self._changed:
            self._waiting.append(ticket)
            self._changed.wait_for(lambda: self._free and self._next() is ticket)
            self._waiting.remove(ticket)
            self._count(who, 1)
        try:
            yield
        finally:
            with self._changed:
                self._count(who, -1)

    def _next(self) -> tuple[str, object]:
        return min(self._waiting, key=lambda ticket: self._asking[ticket[0]])

    def _count(self, who: str, change: int) -> None:
        self._free -= change
        self._asking[who] += change
        self._asking += Counter()  # forgets whoever asks nothing
        self._changed.notify_all()
