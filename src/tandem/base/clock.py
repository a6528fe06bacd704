"""The one place that asks what time it is, so that tests can say it."""

import time
from datetime import UTC, datetime, timedelta


def _offset() -> float:
    return time.time() - time.clock_gettime(
        time.CLOCK_BOOTTIME if hasattr(time, "CLOCK_BOOTTIME") else time.CLOCK_MONOTONIC
    )


_OFFSET = _offset()


def moved_s() -> float:
    """By how many seconds the machine's clock has been set forward (or back) since this process started."""
    return _offset() - _OFFSET


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def now_ms() -> int:
    """This moment in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def now_ns() -> int:
    """This moment in nanoseconds since 1970."""
    return time.time_ns()


def version_after(current: int, at: int, step: int = 1) -> int:
    """The version of a row that replaces others: this moment (`at`, in the unit of the versions), as the newest counts.

    More than what is `current` already, should a clock that ran ahead have written that: it would stay in force until
    that day had come.
    """
    return max(at, current + step)


def from_ms(ms: int) -> datetime:
    """Milliseconds since 1970 as a moment in UTC; a float of seconds holds them exactly enough until the year 2200."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def to_ms(at: datetime) -> int:
    """A moment as milliseconds since 1970."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
