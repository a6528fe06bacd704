"""What is shared on a server, and how much of it one sender gets: connections that stay open, and bytes of hits."""

import time
from collections.abc import Callable
from typing import TypeVar

from tandem.base.reach import PRIVATE
from tandem.base.sender import UNREADABLE, address_of, household

MOST = 256
"""Connections of one sender that may go on asking. Browsers open six; an office behind one address a few hundred."""
WINDOW_S = 10.0
MOST_SENDERS = 20_000
"""So many are remembered; where more come, those who hold the least are forgotten."""
HOUR_S = 3600.0
Held = TypeVar("Held")


class Crowd:
    """Which connections have asked something in the last one or two windows, by sender."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._turns_at = most, 0.0
        self._now: dict[str, set[str]] = {}
        self._before: dict[str, set[str]] = {}
        self._silent: dict[str, int] = {}
        """How many connections of the window before have not asked again, for senders of which one has."""

    def is_one_too_many(self, host: str, port: str) -> bool:
        """Whether this connection is to be closed after its answer: others of its sender had theirs before it."""
        self._turn()
        sender = household(host)
        now, before = self._now.get(sender), self._before.get(sender, ())
        if now is None:
            now = self._now[sender] = set()
        if port in now:
            return False
        if port not in before and len(now) + self._silent.get(sender, len(before)) >= self._most:
            return True
        now.add(port)
        if port in before:  # it stands in both windows, and is one connection
            self._silent[sender] = self._silent.get(sender, len(before)) - 1
        return False

    def _turn(self) -> None:
        moment = time.monotonic()
        if moment >= self._turns_at:
            # whoever was silent for a whole window is forgotten
            self._before = self._now if moment < self._turns_at + WINDOW_S else {}
            self._now, self._silent, self._turns_at = {}, {}, moment + WINDOW_S
        elif len(self._now) > MOST_SENDERS:
            self._now = _heaviest(self._now, len)
            self._silent = {sender: count for sender, count in self._silent.items() if sender in self._now}


class Allowance:
    """How many bytes each sender may have taken in an hour; what this process has counted, for those who sent most.

    A visitor's own limit does not bind a sender who names another browser with each hit.
    """

    def __init__(self, most: int) -> None:
        """`most` is 0 where nobody is to be limited."""
        self._most, self._ends_at = most, 0.0
        self._used: dict[str, int] = {}

    def takes(self, address: str, size: int) -> bool:
        """Whether so many bytes more of this sender are taken; counts them if they are."""
        moment = time.monotonic()
        if moment >= self._ends_at:
            self._used, self._ends_at = {}, moment + HOUR_S
        elif len(self._used) > MOST_SENDERS:
            self._used = _heaviest(self._used, int)
        sender = household(address)
        used = self._used.get(sender, 0) + size
        if self._most and used > self._most and not stands_for_many(address):
            return False
        self._used[sender] = used
        return True


def _heaviest(held: dict[str, Held], weight: Callable[[Held], int]) -> dict[str, Held]:
    """Those who hold more than half of the senders do.

    Not those who came last: whoever waits until many others have come would have its limit anew.
    """
    middle = sorted(map(weight, held.values()))[len(held) // 2]
    return {sender: what for sender, what in held.items() if weight(what) > middle}


def stands_for_many(address: str) -> bool:
    """Whether many senders may stand behind this address, or the network of this household."""
    if address == UNREADABLE:
        return False
    ip = address_of(address.partition("/")[0])
    return ip is None or ip in PRIVATE
