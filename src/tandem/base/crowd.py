"""Places on the server are shared: a sender with very many connections keeps none of them longer than one answer."""

import time

from tandem.base.sender import household

MOST = 256
"""Connections of one sender that may go on asking. Browsers open six; an office behind one address a few hundred."""
WINDOW_S = 10.0
MOST_SENDERS = 20_000


class Crowd:
    """Which connections have asked something in the last one or two windows, by sender."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._turns_at = most, 0.0
        self._now: dict[str, set[str]] = {}
        self._before: dict[str, set[str]] = {}

    def is_one_too_many(self, host: str, port: str) -> bool:
        """Whether this connection is to be closed after its answer: others of its sender had theirs before it."""
        self._turn()
        sender = household(host)
        now, before = self._now.get(sender), self._before.get(sender, ())
        if now is None:
            now = self._now[sender] = set()
        if port in now:
            return False
        if port not in before and len(now) + len(before) >= self._most:
            return True
        now.add(port)
        return False

    def _turn(self) -> None:
        moment = time.monotonic()
        if moment >= self._turns_at or len(self._now) > MOST_SENDERS:
            # whoever was silent for a whole window is forgotten
            self._before = self._now if moment < self._turns_at + WINDOW_S else {}
            self._now, self._turns_at = {}, moment + WINDOW_S
