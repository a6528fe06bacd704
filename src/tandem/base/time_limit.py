"""A limit on one wait, for tens of thousands of waits at a time."""

import math
from asyncio import AbstractEventLoop, CancelledError, Task, current_task, get_running_loop
from functools import lru_cache
from typing import Any

LOOK_EVERY_S = 1.0
STOPS_WITHIN_S = 3.0
"""How long a body may still take when the server is asked to stop; who stops it gives it a minute at most."""


class TimeLimit:
    """`with TimeLimit(seconds): await …` raises TimeoutError when they are over, to the second.

    What `asyncio.timeout` does, for a fifth of its cost: requests by the ten thousand share one timer. It may be used
    for several waits, one after the other: the time counts from the first one on, and when it has run out nobody waits
    any more.
    """

    __slots__ = ("_cancelling", "_has_cancelled", "_seconds", "_task", "_watch", "is_late", "until")

    def __init__(self, seconds: float) -> None:
        self._seconds, self.until, self.is_late, self._has_cancelled = seconds, 0.0, False, False
        self._watch: _Watch | None = None

    def __enter__(self) -> "TimeLimit":
        if self.is_late:
            raise TimeoutError
        loop = get_running_loop()
        self.until = self.until or loop.time() + self._seconds
        task = current_task(loop)
        assert task is not None, "only a task can be ended"
        self._task: Task[Any] = task
        self._cancelling = task.cancelling()
        self._watch = _watch(loop)
        self._watch.add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._watch is not None:
            self._watch.waiting.discard(self)
            self._watch = None
        if not self._has_cancelled:
            return
        self._has_cancelled = False
        if self._task.uncancel() <= self._cancelling and kind is CancelledError:
            raise TimeoutError

    def run_out(self) -> None:
        """Let the wait end now, and none begin."""
        self.is_late = True
        # whoever lets its own wait run out is awake; a cancellation would meet whatever it waits for next
        if self._watch is not None and not self._has_cancelled and current_task() is not self._task:
            self._has_cancelled = True
            self._task.cancel()


class _Watch:
    """All limits of one event loop, looked at together while there are any."""

    def __init__(self) -> None:
        self.waiting, self._looks = set[TimeLimit](), False
        self._ends_at = math.inf

    def add(self, limit: TimeLimit) -> None:
        self.waiting.add(limit)
        if not self._looks:
            self._looks = True
            get_running_loop().call_later(LOOK_EVERY_S, self._look)

    def end_all(self, within_s: float) -> None:
        """Let every wait end, also those that begin later: no client is to hold up the end of the server."""
        loop = get_running_loop()
        self._ends_at = loop.time() + within_s
        loop.call_later(within_s, self._look)

    def _look(self) -> None:
        now = get_running_loop().time()
        for limit in [limit for limit in self.waiting if min(limit.until, self._ends_at) <= now and not limit.is_late]:
            limit.run_out()
        self._looks = bool(self.waiting)
        if self._looks:
            get_running_loop().call_later(LOOK_EVERY_S, self._look)


@lru_cache(maxsize=8)
def _watch(loop: AbstractEventLoop) -> _Watch:
    return _Watch()


def end_all(within_s: float = STOPS_WITHIN_S) -> None:
    """Cut all bodies of this event loop that are not whole by then: the server is about to stop."""
    _watch(get_running_loop()).end_all(within_s)
