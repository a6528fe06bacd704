"""Limits for what a client sends: a request that never ends must not hold its place or its bytes for ever."""

import math
from asyncio import AbstractEventLoop, CancelledError, Task, current_task, get_running_loop
from functools import lru_cache
from typing import Any

from tandem.base.bodies import Bodies, Body

_TEXT = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
TOO_SLOW = (
    {"type": "http.response.start", "status": 408, "headers": _TEXT},
    {"type": "http.response.body", "body": b"The request did not arrive in time. Send it again over a faster line."},
)
TOO_MUCH = (
    {"type": "http.response.start", "status": 503, "headers": [*_TEXT, (b"retry-after", b"30")]},
    {"type": "http.response.body", "body": b"Too much is being sent at once. Send it again in half a minute."},
)

SLOWEST_START_S = 15.0
SLOWEST_BYTES_PER_S = 8_000.0
"""A body may take 15 seconds, and one more for each 8,000 bytes that have come: a slow line passes, a drip does not."""

LOOK_EVERY_S = 1.0
STOPS_WITHIN_S = 3.0
"""How long a body may still take when the server is asked to stop; who stops it gives it a minute at most."""


class TimeLimit:
    """`with TimeLimit(until): await …` raises TimeoutError once the loop's clock has passed `until`, to the second.

    What `asyncio.timeout` does, for a fifth of its cost: requests by the ten thousand share one timer.
    """

    __slots__ = ("_cancelling", "_task", "_watch", "is_late", "until")

    def __init__(self, until: float) -> None:
        self.until, self.is_late = until, False

    def __enter__(self) -> "TimeLimit":
        loop = get_running_loop()
        task = current_task(loop)
        assert task is not None, "only a task can be ended"
        self._task: Task[Any] = task
        self._cancelling = task.cancelling()
        self._watch = _watch(loop)
        self._watch.add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._watch.waiting.discard(self)
        if self.is_late and self._task.uncancel() <= self._cancelling and kind is CancelledError:
            raise TimeoutError

    def end(self) -> None:
        if not self.is_late:
            self.is_late = True
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
            limit.end()
        self._looks = bool(self.waiting)
        if self._looks:
            get_running_loop().call_later(LOOK_EVERY_S, self._look)


@lru_cache(maxsize=8)
def _watch(loop: AbstractEventLoop) -> _Watch:
    return _Watch()


def end_all(within_s: float = STOPS_WITHIN_S) -> None:
    """Cut all bodies of this event loop that are not whole by then: the server is about to stop."""
    _watch(get_running_loop()).end_all(within_s)


CLOSES = (b"connection", b"close")
"""Goes with an answer given before the body was read whole. The server then closes; a client that is not told would
send its next request into the closing (RFC 9112, 9.6)."""


_ANYBODY = Bodies()


class InTime:
    """An ASGI `receive` for which a client that sends its body too slowly, or too much at once, has disconnected.

    Once the body is complete nothing is limited any more: an answer may stream for as long as it likes.
    """

    def __init__(self, receive: Any, bodies: Bodies = _ANYBODY, sender: str = "") -> None:
        self._receive = receive
        self._until = 0.0
        self._body = Body(bodies, sender)
        self.is_late = False
        self.trust = self._body.trust
        self.end = self._body.end

    @property
    def is_whole(self) -> bool:
        return self._body.is_whole

    @property
    def is_cut(self) -> bool:
        """Whether it had to give way to others."""
        return self._body.is_cut

    async def __call__(self) -> Any:
        body = self._body
        if body.is_whole:
            return await self._receive()
        self._until = self._until or get_running_loop().time() + SLOWEST_START_S  # from the first look on
        body.begin()
        if body.is_cut:
            return self._ended()
        try:
            with TimeLimit(self._until) as limit:
                body.on_cut = limit.end
                message = await self._receive()
        except TimeoutError:
            return self._ended()
        finally:
            body.on_cut = None
        part = message.get("body", b"")
        self._until += len(part) / SLOWEST_BYTES_PER_S
        if not body.take(len(part), is_last=not message.get("more_body", False)):
            return self._ended()
        return message

    def _ended(self) -> Any:
        self.is_late = True
        return {"type": "http.disconnect"}


async def answered_in_time(app: Any, scope: Any, in_time: Any, send: Any) -> None:
    """Let an application answer; who is too slow for it, or sends too much, is told so.

    in_time   the request's `receive`, or one with limits of its own
    """
    in_time, has_begun = in_time if isinstance(in_time, InTime) else InTime(in_time), False

    async def noted(message: Any) -> None:
        nonlocal has_begun
        if in_time.is_late and not has_begun:
            return  # the framework takes it for a fault of ours
        has_begun = True
        if message["type"] == "http.response.start" and not in_time.is_whole and _has_body(scope):
            message = {**message, "headers": [*message["headers"], CLOSES]}
        await send(message)

    try:
        await app(scope, in_time, noted)
    finally:
        in_time.end()
    if in_time.is_late and not has_begun:
        for message in TOO_MUCH if in_time.is_cut else TOO_SLOW:
            await send(message)


def _has_body(scope: Any) -> bool:
    return any(
        (name == b"content-length" and value != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )
