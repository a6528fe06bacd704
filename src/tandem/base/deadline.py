"""Time limits for what a client sends: a request that never ends must not hold its place for ever."""

from asyncio import get_running_loop, timeout_at
from typing import Any

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
            async with timeout_at(self._until):
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
