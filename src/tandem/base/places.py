"""How many requests of one caller are worked on at once; the rest waits a little, and without a thread."""

import asyncio
from collections import deque

AT_ONCE = 6
"""What a browser opens of one page at once."""
PATIENCE_S = 10.0


class CallerPlaces:
    """The places of all callers, for one event loop."""

    def __init__(self, at_once: int = AT_ONCE, patience_s: float = PATIENCE_S) -> None:
        self._at_once, self._patience_s = at_once, patience_s
        self._taken: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, caller: str) -> bool:
        """Whether the caller has got a place; false when there was none for a while."""
        if self._taken.get(caller, 0) < self._at_once:
            self._taken[caller] = self._taken.get(caller, 0) + 1
            return True
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        try:
            await asyncio.wait_for(turn, self._patience_s)
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # it came just now
                self.leave(caller)
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def leave(self, caller: str) -> None:
        """Give a place to whoever of the caller waits longest, or back."""
        waiting = self._waiting.get(caller, ())
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._waiting.pop(caller, None)
        self._taken[caller] -= 1
        if not self._taken[caller]:
            del self._taken[caller]
