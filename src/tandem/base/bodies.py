"""How many unfinished requests, and how many bytes of them, strangers may make a server hold: in all, and a sender."""

import math
from collections import Counter

from tandem.base.crowd import stands_for_many
from tandem.base.sender import household
from tandem.base.time_limit import TimeLimit

IN_ALL, OF_ONE = 48 << 20, 8 << 20
SMALL = 8 << 10
"""The bytes of a body up to this are not counted; how many unfinished ones there may be bounds them."""
OPEN_IN_ALL, OPEN_OF_ONE = 2_048, 256
"""Bodies that are still on their way, each with its headers and a place of the server: a quarter of all places."""


class Bodies:
    """The larger bodies that are being sent or worked on.

    Where there are too many bytes, whoever sends the most gives way, with the largest body that is not whole yet: a
    webhook passes beside an attack.
    """

    def __init__(self, in_all: int = IN_ALL, of_one: int = OF_ONE) -> None:
        self._in_all, self._of_one = in_all, of_one
        self._bodies: dict[str, set[Body]] = {}
        self._sizes = Counter[str]()
        self.size = 0
        self._open: dict[Body, None] = {}  # in the order of their coming
        self._counts: dict[str, int] = {}

    @property
    def open(self) -> int:
        """How many bodies are on their way."""
        return len(self._open)

    def begin(self, body: "Body") -> None:
        """This body is on its way; where there are too many, the oldest of whoever sends the most gives way."""
        body.is_open, self._open[body] = True, None
        count = self._counts[body.sender] = self._counts.get(body.sender, 0) + 1
        if count > OPEN_OF_ONE and not stands_for_many(body.sender):
            self._cut_oldest(body.sender)
        elif len(self._open) > OPEN_IN_ALL:
            self._cut_oldest(max(self._counts, key=self._counts.__getitem__))

    def _cut_oldest(self, sender: str) -> None:
        next(body for body in self._open if body.sender == sender).cut()

    def finish(self, body: "Body") -> None:
        """It is whole, or nobody waits for it any more."""
        body.is_open = False
        del self._open[body]
        count = self._counts[body.sender] - 1
        if count:
            self._counts[body.sender] = count
        else:
            del self._counts[body.sender]

    def add(self, body: "Body", size: int) -> None:
        """Count so many bytes more of this body; others are cut, or this one, until the rest fits."""
        self._bodies.setdefault(body.sender, set()).add(body)
        self._count(body, size)
        if self._sizes[body.sender] > self._of_one and not stands_for_many(body.sender):
            self._make_room(body.sender, self._of_one)
        while self.size > self._in_all and any(self._make_room(sender, 0) for sender, _ in self._sizes.most_common()):
            pass

    def remove(self, body: "Body") -> None:
        """This body holds no bytes any more."""
        bodies = self._bodies.get(body.sender)
        if not bodies or body not in bodies:
            return
        bodies.discard(body)
        self._count(body, -body.size)
        if not bodies:
            del self._bodies[body.sender], self._sizes[body.sender]

    def _count(self, body: "Body", size: int) -> None:
        body.size += size
        self._sizes[body.sender] += size
        self.size += size

    def _make_room(self, sender: str, most: int) -> bool:
        """Cut the largest body of a sender if it has more than that; False when there is none to cut."""
        open_ = [body for body in self._bodies.get(sender, ()) if not body.is_whole]
        if self._sizes[sender] <= most or not open_:
            return False
        max(open_, key=lambda body: body.size).cut()
        return True


class Body(TimeLimit):
    """What has come of the body of one request, and the limit on waiting for more of it.

    is_open   more of it is waited for, and it counts among the unfinished ones
    is_late   nothing more is waited for: it took too long, or had to give way to others (`is_cut`)
    """

    __slots__ = ("_bodies", "_small", "is_cut", "is_open", "is_trusted", "is_whole", "sender", "size")

    def __init__(self, bodies: Bodies, sender: str, seconds: float = math.inf) -> None:
        super().__init__(seconds)
        self._bodies, self.sender, self._small = bodies, household(sender), 0
        self.size, self.is_whole, self.is_cut, self.is_trusted, self.is_open = 0, False, False, False, False

    def trust(self) -> None:
        """Do not count it: its sender is known, and has limits elsewhere."""
        self.is_trusted = True
        self._leave()

    def begin(self) -> None:
        """More of it is waited for."""
        if not (self.is_open or self.is_trusted or self.is_whole or self.is_cut):
            self._bodies.begin(self)

    def take(self, size: int, is_last: bool) -> bool:
        """Whether so many bytes more may be kept."""
        if is_last:
            self._leave()
        if self.is_trusted:
            self.is_whole = is_last
            return True
        if self._small + size <= SMALL:
            self._small += size
        else:
            self._bodies.add(self, size)
        self.is_whole = is_last and not self.is_cut
        return not self.is_cut

    def cut(self) -> None:
        """Take no more of it, and forget what has come."""
        self.is_cut = True
        self.end()
        self.run_out()

    def end(self) -> None:
        """The request is answered."""
        if self.size:
            self._bodies.remove(self)
        self._leave()

    def _leave(self) -> None:
        if self.is_open:
            self._bodies.finish(self)
