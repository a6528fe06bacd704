"""The counter's side of HTTP, for both servers: inside the product (ASGI) and alone (RSGI)."""

import secrets
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tandem.base.bodies import SMALL, Bodies, Body
from tandem.base.crowd import Crowd
from tandem.base.deadline import InTime
from tandem.base.sender import Proxies, sender_of_rsgi
from tandem.collect.ingest import PIXEL, RETRY_LATER, Ingest, Reply, Sender
from tandem.collect.model.hints import HEADERS, with_hints
from tandem.collect.model.hit import MAX_BODY

STATIC = Path(__file__).parent / "static"
FILES = {f"/t/{name}": name for name in ("tandem.js", "vitals.js", "numbers.js")}


class Fields:
    """Header fields of an answer, as each server takes them; made once, for thousands of answers a second."""

    def __init__(self, *fields: tuple[str, str]) -> None:
        self.plain = list(fields)
        self.encoded = [(name.encode(), value.encode()) for name, value in fields]

    def and_(self, *more: tuple[str, str]) -> "Fields":
        return Fields(*self.plain, *more)


CLOSE = ("connection", "close")
LATER = ("retry-after", str(RETRY_LATER))
ANYWHERE = Fields(
    ("access-control-allow-origin", "*"),
    ("cross-origin-resource-policy", "cross-origin"),
    ("x-content-type-options", "nosniff"),
)
PREFLIGHT = ANYWHERE.and_(
    ("access-control-allow-methods", "POST, GET"),
    ("access-control-allow-headers", "content-type"),
    ("access-control-max-age", "86400"),
)
SCRIPT = ANYWHERE.and_(("content-type", "text/javascript; charset=utf-8"), ("cache-control", "public, max-age=3600"))
IMAGE = ANYWHERE.and_(("content-type", "image/gif"), ("cache-control", "no-store"))
TEXT = ANYWHERE.and_(("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store"))
AGAIN = TEXT.and_(LATER)
CLOSING = TEXT.and_(CLOSE)
"""For answers given before the body was read: who is not told would send the next hit into the closing."""

BODY_WITHIN_S = 15.0
TOO_SLOW = 408, CLOSING, b"The body did not arrive in time; send the hit again."
TOO_MUCH = 503, CLOSING.and_(LATER), b"Too much is being sent at once; send the hit again."
TOO_LARGE = 413, CLOSING, b"The request is larger than 64 KB. Send fewer events at a time."

Answer = tuple[int, Fields, bytes]
HINTS_ASGI = [name.encode() for name in HEADERS]


@lru_cache
def script(path: str) -> bytes:
    return (STATIC / FILES[path]).read_bytes()


def answer_to(reply: Reply) -> Answer:
    fields = CLOSING if reply.status == 413 else AGAIN if reply.status in (429, 503) else TEXT
    return reply.status, fields, reply.text.encode()


async def answered(ingest: Ingest, method: str, path: str, query: str, sender: Sender, referer: str) -> Answer:
    """The answer to everything under /t/ that has no body."""
    if method == "OPTIONS":
        return 204, PREFLIGHT, b""
    if path in FILES and method in ("GET", "HEAD"):
        return 200, SCRIPT, script(path)
    if path == "/t/pixel.gif" and method == "GET":
        asked = parse_qs(query)
        url = (asked.get("u") or [referer])[0]
        key, before = (asked.get("s") or [""])[0], (asked.get("r") or [""])[0]
        await ingest.pixel(key, url, before, sender, secrets.token_hex(8))
        return 200, IMAGE, PIXEL
    fields = TEXT if method in ("GET", "HEAD") else CLOSING
    if path == "/t/hit":
        return 405, fields, b"Hits are sent with POST."
    return 404, fields, b"Only the counter lives here: /t/tandem.js, /t/hit, /t/pixel.gif."


async def asgi(ingest: Ingest, address: str, scope: Any, receive: InTime, send: Any) -> None:
    """Serve one request of the sender at this address under /t/ inside the product's own server."""
    headers = dict(scope["headers"])
    agent = headers.get(b"user-agent", b"").decode("latin-1")
    hints = [headers.get(name, b"").decode("latin-1") for name in HINTS_ASGI] if HINTS_ASGI[0] in headers else None
    full_agent = with_hints(agent, hints) if hints else ""
    sender = Sender(address, agent, headers.get(b"sec-gpc") == b"1", full_agent)
    if scope["method"] == "POST" and scope["path"] in TAKEN:
        body = await _body(receive)
        if body is None:
            status, fields, body = TOO_MUCH if receive.is_cut else TOO_SLOW
        else:
            status, fields, body = answer_to(await _taken(ingest, scope["path"], body, sender))
    else:
        query, referer = scope["query_string"].decode("latin-1"), headers.get(b"referer", b"").decode("latin-1")
        status, fields, body = await answered(ingest, scope["method"], scope["path"], query, sender, referer)
    answer_headers = [*fields.encoded, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": answer_headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


UNREAD_AGENT = "Mozilla/5.0 (unreadable)"
"""Stands for an agent that was sent and cannot be read: a browser of which nothing is known."""
NOOP = "/t/noop"  # what a request costs by itself, for measuring; of the lone collector only
TAKEN = frozenset(("/t/hit", "/t/number"))
TAKEN_ALONE = TAKEN | {NOOP}


async def _taken(ingest: Ingest, path: str, body: bytes, sender: Sender) -> Reply:
    return await (ingest.receive(body, sender) if path == "/t/hit" else ingest.number(body, sender))


async def _body(receive: Any) -> bytes | None:
    """The body, read no further than what is refused anyway; None when it did not come whole in time."""
    parts, size, more = [], 0, True
    while more and size <= MAX_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class Collector:
    """The RSGI application of `tandem collect`: it takes hits and nothing else."""

    def __init__(self, ingest: Ingest, proxies: Proxies, trouble: Callable[[], str] = lambda: "") -> None:
        """`trouble` says why hits cannot be received, or nothing when they can."""
        self._ingest, self._proxies, self._trouble, self._crowd = ingest, proxies, trouble, Crowd()
        self._bodies = Bodies()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        headers = scope.headers
        agent = _agent(headers)
        sender = Sender(
            sender_of_rsgi(scope.client, headers, self._proxies),
            agent,
            headers.get("sec-gpc") == "1",
            with_hints(agent, [headers.get(name) or "" for name in HEADERS]) if HEADERS[0] in headers else "",
        )
        if scope.method == "POST" and scope.path in TAKEN_ALONE:
            status, fields, body = await self._take(scope.path, headers, protocol, sender)
        elif scope.path == "/healthz":
            trouble = self._trouble()
            status, fields, body = (503, TEXT, trouble.encode()) if trouble else (200, TEXT, b"ok")
        else:
            status, fields, body = await answered(
                self._ingest, scope.method, scope.path, scope.query_string, sender, headers.get("referer") or ""
            )
        plain = [*fields.plain, CLOSE] if self._is_crowded(scope.client) else fields.plain
        protocol.response_bytes(status, plain, body)

    def _is_crowded(self, client: str) -> bool:
        host, _, port = client.rpartition(":")
        return not self._proxies.trusts(host) and self._crowd.is_one_too_many(host, port)

    async def _take(self, path: str, headers: Any, protocol: Any, sender: Sender) -> Answer:
        """Read no more than a hit may hold, for no longer than it may take."""
        length = headers.get("content-length") or ""
        if length.isdecimal() and int(length) > MAX_BODY:
            return TOO_LARGE
        arriving = Body(self._bodies, sender.address, BODY_WITHIN_S)
        try:
            body = await _read(protocol, length, arriving)
            if body is None:
                return TOO_MUCH if arriving.is_cut else TOO_SLOW
            if path == NOOP:
                return 204, TEXT, b""
            return answer_to(await _taken(self._ingest, path, body, sender))
        finally:
            arriving.end()


def _agent(headers: Any) -> str:
    # TRAP: the server drops a value that is not ASCII, as some apps send; without an agent it would be a robot's.
    return headers.get("user-agent") or (UNREAD_AGENT if "user-agent" in headers else "")


async def _read(protocol: Any, length: str, arriving: Body) -> bytes | None:
    """The body; None when it did not come whole, or not in time, or had to give way to others."""
    wanted = int(length) if length.isdecimal() else 0
    arriving.begin()
    try:
        with arriving:
            body: bytes = await protocol() if 0 < wanted <= SMALL else await _streamed(protocol, arriving)
    except TimeoutError:
        return None
    arriving.is_whole = True
    return body if len(body) >= wanted else None


async def _streamed(protocol: Any, arriving: Body) -> bytes:
    """A body that is large, or does not say how long it is; counted while it comes."""
    body = bytearray()
    async for part in protocol:
        body += part
        if not arriving.take(len(part), is_last=False):
            raise TimeoutError
        if len(body) > MAX_BODY:
            break
    return bytes(body)
