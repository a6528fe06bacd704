"""Time limits for what a client sends: a request that never ends must not hold its place for ever."""

from asyncio import AbstractEventLoop, CancelledError, Task, current_task, get_running_loop
from typing import Any
from weakref import WeakKeyDictionary

TOO_SLOW = (
    {
        "type": "http.response.start",
        "status": 408,
        "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")],
    },
    {"type": "http.response.body", "body": b"The request did not arrive in time. Send it again over a faster line."},
)

SLOWEST_START_S = 15.0
SLOWEST_BYTES_PER_S = 8_000.0
"""A body may take 15 seconds, and one more for each 8,000 bytes that have come: a slow line passes, a drip does not."""

LOOK_EVERY_S = 1.0


class Limit:
    """`with Limit(until): await …` raises TimeoutError once the event loop's clock has passed `until`, to the second.

    What `asyncio.timeout` does, for a fifth of its cost: requests by the ten thousand share one timer.
    """

    __slots__ = ("_cancelling", "_task", "_watch", "is_late", "until")

    def __init__(self, until: float) -> None:
        self.until, self.is_late = until, False

    def __enter__(self) -> None:
        task = current_task()
        assert task is not None, "only a task can be ended"
        self._task: Task[Any] = task
        self._cancelling = task.cancelling()
        self._watch = _watch()
        self._watch.add(self)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._watch.waiting.discard(self)
        if self.is_late and self._task.uncancel() <= self._cancelling and kind is CancelledError:
            raise TimeoutError

    def end(self) -> None:
        self.is_late = True
        self._task.cancel()


class _Watch:
    """All limits of one event loop, looked at together while there are any."""

    def __init__(self) -> None:
        self.waiting, self._looks = set[Limit](), False

    def add(self, limit: Limit) -> None:
        self.waiting.add(limit)
        if not self._looks:
            self._looks = True
            get_running_loop().call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        now = get_running_loop().time()
        for limit in [limit for limit in self.waiting if limit.until <= now and not limit.is_late]:
            limit.end()
        self._looks = bool(self.waiting)
        if self._looks:
            get_running_loop().call_later(LOOK_EVERY_S, self._look)


_WATCHES: WeakKeyDictionary[AbstractEventLoop, _Watch] = WeakKeyDictionary()


def _watch() -> _Watch:
    loop = get_running_loop()
    watch = _WATCHES.get(loop)
    if watch is None:
        watch = _WATCHES[loop] = _Watch()
    return watch


CLOSES = (b"connection", b"close")
"""Goes with an answer given before the body was read whole. The server then closes; a client that is not told would
send its next request into the closing (RFC 9112, 9.6)."""


class InTime:
    """An ASGI `receive` for which a client that sends its body too slowly has disconnected.

    Once the body is complete nothing is limited any more: an answer may stream for as long as it likes.
    """

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._until = 0.0
        self.is_whole = self.is_late = False

    async def __call__(self) -> Any:
        if self.is_whole:
            return await self._receive()
        self._until = self._until or get_running_loop().time() + SLOWEST_START_S  # from the first look on
        try:
            with Limit(self._until):
                message = await self._receive()
        except TimeoutError:
            self.is_late = True
            return {"type": "http.disconnect"}
        self._until += len(message.get("body", b"")) / SLOWEST_BYTES_PER_S
        self.is_whole = not message.get("more_body", False)
        return message


async def answered_in_time(app: Any, scope: Any, receive: Any, send: Any) -> None:
    """Let an application answer; who is too slow for it is told so."""
    in_time, has_begun = InTime(receive), False

    async def noted(message: Any) -> None:
        nonlocal has_begun
        if in_time.is_late and not has_begun:
            return  # the framework takes it for a fault of ours
        has_begun = True
        if message["type"] == "http.response.start" and not in_time.is_whole and _has_body(scope):
            message = {**message, "headers": [*message["headers"], CLOSES]}
        await send(message)

    await app(scope, in_time, noted)
    if in_time.is_late and not has_begun:
        for message in TOO_SLOW:
            await send(message)


def _has_body(scope: Any) -> bool:
    return any(
        (name == b"content-length" and value != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )
