"""When one visitor was active, however many hits told it: a stranger may send 100,000 of them in one batch."""

from bisect import bisect_left, bisect_right

HALF_HOUR_MS = 30 * 60_000
"""How long a visit goes on after its last hit."""


class ActiveTimes:
    """The times at which visits of one visitor were under way; those that touch are one, so looking is quick."""

    def __init__(self) -> None:
        self._begun: list[int] = []  # in order, and none touches the next
        self._over: list[int] = []

    def add(self, first: int, last: int) -> None:
        """A visit, or a part of one, from its first hit to its last (ms); the half hour after it counts too."""
        over = last + HALF_HOUR_MS
        low, high = bisect_left(self._over, first), bisect_right(self._begun, over)
        if low < high:
            first, over = min(first, self._begun[low]), max(over, self._over[high - 1])
        self._begun[low:high], self._over[low:high] = [first], [over]

    def cover(self, at: int) -> bool:
        """Whether a visit was under way at this moment."""
        nth = bisect_right(self._begun, at)
        return nth > 0 and at <= self._over[nth - 1]
