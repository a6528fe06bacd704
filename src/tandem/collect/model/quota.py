"""How much of what one visitor sends is taken."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import accumulate

MOST_KEPT = 100_000
VISITOR_EVENTS, VISITOR_BYTES = 20_000, 6 << 20


class Quota:
    """How much one visitor may send in a day; what a loader has counted since it started, for those who came last.

    What is counted holds once it is kept: a batch whose judgement is lost is counted again when it is judged again.
    """

    def __init__(self, events: int = VISITOR_EVENTS, size: int = VISITOR_BYTES) -> None:
        self.events, self.size = events, size
        self._used: OrderedDict[tuple[int, int], tuple[date, int, int]] = OrderedDict()
        self._tried: dict[tuple[int, int], tuple[date, int, int]] = {}

    def takes(self, site: int, visitor: int, on: date, sizes: Sequence[int]) -> int:
        """How many of this visitor's next events of this day are taken; counts them, until kept or forgotten.

        sizes   of the events in their order, in bytes
        """
        key = (site, visitor)
        before = self._tried.get(key) or self._used.get(key) or (on, 0, 0)
        events, used = before[1:] if before[0] == on else (0, 0)
        taken = len(sizes)
        if events + taken > self.events or used + sum(sizes) > self.size:
            room = self.size - used
            taken = sum(1 for total in accumulate(sizes[: max(0, self.events - events)]) if total <= room)
        self._tried[key] = (on, events + taken, used + sum(sizes[:taken]))
        return taken

    def sizes(self, site: int, visitors: Iterable[int]) -> dict[int, int]:
        """The bytes that these visitors have sent today, as far as this loader knows."""
        usages = ((v, self._tried.get((site, v)) or self._used.get((site, v))) for v in visitors)
        return {visitor: used[2] for visitor, used in usages if used is not None}

    def keep(self) -> None:
        """What was counted since the last time holds: its judgement is saved."""
        for key, used in self._tried.items():
            self._used[key] = used
            self._used.move_to_end(key)
        self._tried.clear()
        while len(self._used) > MOST_KEPT:
            self._used.popitem(last=False)

    def forget(self) -> None:
        """What was counted and not kept is counted anew."""
        self._tried.clear()
