"""Many inside, or one alone: who waits for whom, and until when."""

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tandem.base.errors import UserError

LOOKS_EVERY_S = 0.01


class Gate:
    """Many are inside at a time, or one alone. Who wants to be alone keeps newcomers out and waits for those inside.

    until    the last moment to wait for, of the monotonic clock
    raises   UserError when the others have not come to an end by then
    """

    def __init__(self) -> None:
        self._changed, self._inside, self._is_shut = threading.Condition(), 0, False

    @contextmanager
    def beside_others(self, until: float) -> Iterator[None]:
        with self._changed:
            self._wait(lambda: not self._is_shut, until)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self, until: float) -> Iterator[None]:
        with self._changed:
            self._wait(lambda: not self._is_shut, until)
            self._is_shut = True
        try:
            with self._changed:
                self._wait(lambda: not self._inside, until)
            yield
        finally:
            with self._changed:
                self._is_shut = False
                self._changed.notify_all()

    def _wait(self, is_so: Callable[[], bool], until: float) -> None:
        if not self._changed.wait_for(is_so, max(0, until - time.monotonic())):
            raise too_late()


def too_late() -> UserError:
    """That somebody waited for others in vain."""
    return UserError("Other work on the same data is still going on.", "Try again in a few minutes.", status=503)


@contextmanager
def acquired(lock: threading.Lock, until: float) -> Iterator[None]:
    """Hold a lock of threads, waited for until that moment."""
    if not lock.acquire(timeout=max(0, until - time.monotonic())):
        raise too_late()
    try:
        yield
    finally:
        lock.release()


def lock_file(handle: int, is_shared: bool, until: float) -> None:
    """Lock an open file among all processes; the lock ends when it is closed."""
    while True:
        try:
            return fcntl.flock(handle, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise too_late() from None
            time.sleep(LOOKS_EVERY_S)
