"""Limits for what a client sends: a request that never ends must not hold its place or its bytes for ever."""

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

CLOSES = (b"connection", b"close")
"""Goes with an answer given before the body was read whole. The server then closes; a client that is not told would
send its next request into the closing (RFC 9112, 9.6)."""


DISCONNECT = {"type": "http.disconnect"}
_ANYBODY = Bodies()


class InTime(Body):
    """An ASGI `receive` for which a client that sends its body too slowly, or too much at once, has disconnected.

    Once the body is complete nothing is limited any more: an answer may stream for as long as it likes.
    """

    __slots__ = ("_receive",)

    def __init__(self, receive: Any, bodies: Bodies = _ANYBODY, sender: str = "") -> None:
        super().__init__(bodies, sender, SLOWEST_START_S)
        self._receive = receive

    async def __call__(self) -> Any:
        if self.is_whole:
            return await self._receive()
        self.begin()
        try:
            with self:
                message = await self._receive()
        except TimeoutError:
            return DISCONNECT
        part = message.get("body", b"")
        self.until += len(part) / SLOWEST_BYTES_PER_S
        return message if self.take(len(part), not message.get("more_body", False)) else DISCONNECT


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
