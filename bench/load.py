"""A small load generator: keep-alive connections that send the next request when an answer has come.

It reads of an answer no more than its status, so that it costs less than the server it measures.
"""

import asyncio
import contextlib
import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import uvloop

BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36"
)


class Outcome(NamedTuple):
    """What a run brought: answers a second, ids that were acknowledged, answers by status."""

    per_s: float
    acknowledged: list[int]
    statuses: dict[int, int]


def request(path: str, body: bytes, address: str = "") -> bytes:
    """One POST as bytes."""
    forwarded = f"X-Forwarded-For: {address}\r\n" if address else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: {BROWSER}\r\n{forwarded}"
        f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Client(asyncio.Protocol):
    def __init__(self, requests: Iterator[tuple[int, bytes]], outcome: "_Tally") -> None:
        self._requests, self._tally, self._current = requests, outcome, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        if not data.startswith(b"HTTP/1.1 "):  # the rest of an answer whose head was counted
            return
        self._tally.count(int(data[9:12]), self._current)
        self._next()

    def _next(self) -> None:
        if self._tally.is_over():
            self._transport.close()
            return
        self._current, payload = next(self._requests)
        self._transport.write(payload)

    def connection_lost(self, error: Exception | None) -> None:
        self._tally.left()


class _Tally:
    def __init__(self, connections: int, seconds: float) -> None:
        self.statuses: dict[int, int] = {}
        self.acknowledged: list[int] = []
        self._open, self._until = connections, time.monotonic() + seconds
        self.done = asyncio.Event()

    def count(self, status: int, number: int) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 202:
            self.acknowledged.append(number)

    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def left(self) -> None:
        self._open -= 1
        if self._open == 0:
            self.done.set()


async def _run(port: int, seconds: float, connections: int, requests: Iterator[tuple[int, bytes]]) -> Outcome:
    tally, loop = _Tally(connections, seconds), asyncio.get_running_loop()
    began = time.monotonic()
    for _ in range(connections):
        await loop.create_connection(lambda: _Client(requests, tally), "127.0.0.1", port)
    with contextlib.suppress(TimeoutError):  # a killed server leaves connections that never hear an answer
        await asyncio.wait_for(tally.done.wait(), seconds + 5)
    total = sum(tally.statuses.values())
    return Outcome(total / (time.monotonic() - began), tally.acknowledged, tally.statuses)


def _child(
    pipe: Connection, port: int, seconds: float, connections: int, make: Callable[[int], bytes], first: int
) -> None:
    numbered = ((n, make(n)) for n in itertools.count(first))
    pipe.send(uvloop.run(_run(port, seconds, connections, numbered)))


def fire(port: int, seconds: float, connections: int, make: Callable[[int], bytes], first: int = 1) -> Outcome:
    """Send `make(1)`, `make(2)`, … for some seconds from another process."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_child, args=(theirs, port, seconds, connections, make, first)
    )
    process.start()
    theirs.close()
    outcome: Outcome = ours.recv()
    process.join()
    return outcome
