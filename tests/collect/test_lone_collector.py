"""The lone collector's side of HTTP: what it reads, and whether it says that it cannot write."""

import asyncio
import json
import os
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tandem.base import bodies, crowd
from tandem.base.sender import UNREADABLE, Proxies
from tandem.collect import counter, health
from tandem.collect.model.agents import agent_of
from tandem.collect.model.hit import MAX_BODY
from tandem.serve import MOST_HEADER_BYTES
from tests import forked
from tests.served import eventually, free_port
from tests.sockets import is_held, unreading


class Protocol:
    """A request as the server hands it over; its body comes in pieces, or never."""

    def __init__(self, pieces: int = 0, is_hanging: bool = False) -> None:
        self.pieces, self.is_hanging, self.read = pieces, is_hanging, 0
        self.answer: tuple[int, bytes] = (0, b"")
        self.fields: Any = []

    async def __call__(self) -> bytes:
        if self.is_hanging:
            await asyncio.sleep(60)
        self.read += self.pieces
        return b"x" * 1024 * self.pieces

    async def __aiter__(self) -> Any:
        for _ in range(self.pieces):
            self.read += 1
            yield b"x" * 1024

    def response_bytes(self, status: int, headers: Any, body: bytes) -> None:
        self.answer, self.fields = (status, body), headers


def asked(protocol: Protocol, path: str, method: str, trouble: Any = lambda: "", **headers: str) -> tuple[int, bytes]:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    scope = SimpleNamespace(method=method, path=path, query_string="", client="127.0.0.1:5", headers=Fields(fields))
    nobody: Any = None
    asyncio.run(counter.Collector(nobody, Proxies(""), trouble).__rsgi__(scope, protocol))
    return protocol.answer


class Fields(dict[str, str]):
    def get_all(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


def test_a_no_op_reads_no_more_than_a_hit_and_waits_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = Protocol(pieces=10_000)
    assert asked(endless, "/t/noop", "POST")[0] == 204
    assert endless.read <= MAX_BODY // 1024 + 1
    huge = Protocol(pieces=10_000)
    assert asked(huge, "/t/noop", "POST", content_length="10240000")[0] == 413
    assert huge.read == 0
    monkeypatch.setattr(counter, "BODY_WITHIN_S", 0.05)
    assert asked(Protocol(is_hanging=True), "/t/noop", "POST", content_length="10")[0] == 408


@pytest.mark.parametrize(("path", "status"), [("/t/hit", 405), ("/elsewhere", 404), ("/t/noop", 413)])
def test_who_is_refused_before_the_body_was_read_is_told_that_the_connection_ends(path: str, status: int) -> None:
    refused = Protocol(pieces=1)
    method = "POST" if status != 405 else "PUT"
    assert asked(refused, path, method, content_length=str(MAX_BODY + 1))[0] == status
    assert (refused.read, ("connection", "close") in refused.fields) == (0, True)


def test_its_health_is_that_of_its_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(Protocol(), "/healthz", "GET", health.Disk(tmp_path).trouble) == (200, b"ok")
    assert list(tmp_path.iterdir()) == []
    status, said = asked(Protocol(), "/healthz", "GET", health.Disk(tmp_path / "gone").trouble)
    assert status == 503 and b"cannot be written to" in said
    monkeypatch.setattr(health, "LEAST_FREE", 1 << 62)
    status, said = asked(Protocol(), "/healthz", "GET", health.Disk(tmp_path).trouble)
    assert status == 503 and b"MB are free" in said


def test_connections_of_its_own_proxies_never_end() -> None:
    """Many visitors stand behind a proxy: it is not one sender."""
    nobody: Any = None
    collector = counter.Collector(nobody, Proxies("127.0.0.0/8"))

    def is_closed(client: str) -> bool:
        protocol = Protocol()
        scope = SimpleNamespace(method="GET", path="/t/vitals.js", query_string="", client=client, headers=Fields())
        asyncio.run(collector.__rsgi__(scope, protocol))
        return counter.CLOSE in protocol.fields

    ports = range(crowd.MOST + 5)
    assert not any(is_closed(f"127.0.0.1:{port}") for port in ports)
    assert sum(is_closed(f"203.0.113.9:{port}") for port in ports) == 5


# ── a collector that runs ──

HURRIED = """
import multiprocessing, sys
from tandem import serve
from tandem.cli import main
serve.HEADERS_WITHIN_S = serve.STALLED_FOR_S = 1  # ten and twenty in the product
multiprocessing.set_start_method("fork", force=True)  # as a shell's process has it: workers inherit the above
sys.argv = ["tandem", "collect", "--no-load", "--workers", "1"]
main()
"""


@pytest.fixture(scope="module")
def server(scratch: Path) -> Iterator[int]:
    """The port of a real collector that grants its clients one second, and takes nobody here for its proxy."""
    folder, port = Path(tempfile.mkdtemp(prefix="lone-", dir=scratch)), free_port()
    env = {**os.environ, "TANDEM_DATA": str(folder), "PORT": str(port), "TANDEM_PROXIES": "203.0.113.0/24"}
    process = forked.begun_code(HURRIED, env, folder / "log")
    until = time.monotonic() + 60
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            raise AssertionError(f"the collector does not answer: {(folder / 'log').read_text()}")
        time.sleep(0.05)
    yield port
    process.terminate()
    process.wait(30)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 8)


@pytest.mark.parametrize(
    "sent", [b"", b"GET /healthz HTTP/1.1\r\nx-half: ", b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"]
)
def test_a_client_that_asks_nothing_more_is_cut(server: int, sent: bytes) -> None:
    """Before its first request, within it, and after it: without the server's limits it would be kept for long."""
    with connected(server) as client:
        client.sendall(sent)
        said = b"".join(iter(lambda: client.recv(4096), b""))  # until it is closed; eight seconds of silence raise
    assert said.startswith(b"HTTP/1.1 200") == sent.endswith(b"\r\n\r\n")


def test_headers_without_end_are_refused(server: int) -> None:
    with connected(server) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nx-long: " + b"a" * 2 * MOST_HEADER_BYTES)
        assert client.recv(12) == b"HTTP/1.1 431"


def test_answers_that_nobody_reads_are_cut(server: int) -> None:
    """Many small ones, asked for at once: no single answer of a collector is larger than what sockets take in."""
    asks = b"GET /t/tandem.js HTTP/1.1\r\nhost: x\r\n\r\n" * 100
    with eventually(lambda: unreading(server)) as client:
        client.settimeout(0.5)
        with suppress(TimeoutError, ConnectionError):
            while True:  # until the server reads no more, for all its answers wait
                client.sendall(asks)
        eventually(lambda: not is_held(client))


def test_one_senders_connections_beyond_the_bound_end_after_their_answer(server: int) -> None:
    asks, closed = b"GET /t/tandem.js HTTP/1.1\r\nhost: x\r\n\r\n", list[bool]()
    with ExitStack() as stack:
        for _ in range(crowd.MOST + 20):
            client = stack.enter_context(connected(server))
            client.sendall(asks)
            head = client.recv(4096).partition(b"\r\n\r\n")[0].lower()
            assert head.startswith(b"http/1.1 200")
            closed.append(re.search(rb"^connection: close\r?$", head, re.M) is not None)
    assert closed[-10:] == [True] * 10
    assert not any(closed[: crowd.MOST - 20]), "who was there before may go on"


def test_it_stops_beside_hits_that_never_end(scratch: Path) -> None:
    folder, port = Path(tempfile.mkdtemp(prefix="lone-stops-", dir=scratch)), free_port()
    process = forked.begun_code(HURRIED, {**os.environ, "TANDEM_DATA": str(folder), "PORT": str(port)}, folder / "log")
    try:
        eventually(lambda: _answers(port), 60)
        with ExitStack() as stack:
            for length, sent in ((60_000, 50_000), (9_000, 10), (500, 10)):
                client = stack.enter_context(connected(port))
                client.sendall(f"POST /t/hit HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n".encode())
                client.sendall(b"x" * sent)
            time.sleep(0.5)
            process.terminate()
            began = time.monotonic()
            process.wait(30)
            assert time.monotonic() - began < 10, "three seconds; without being cut they have fifteen"
    finally:
        process.kill()


def test_what_hits_hold_while_they_come_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies.Bodies.__init__, "__defaults__", (100 << 10, 100 << 10))
    nobody: Any = None
    collector = counter.Collector(nobody, Proxies(""))

    async def sent(protocol: Protocol, address: str) -> int:
        fields = Fields({"content-length": str(60 << 10)})
        scope = SimpleNamespace(method="POST", path="/t/noop", query_string="", client=f"{address}:5", headers=fields)
        await collector.__rsgi__(scope, protocol)
        return protocol.answer[0]

    class Silent(Protocol):
        async def __aiter__(self) -> Any:
            for _ in range(59):
                yield b"x" * 1024
            await asyncio.sleep(60)

    async def story() -> None:
        silent = [asyncio.create_task(sent(Silent(), f"203.0.113.{n}")) for n in range(4)]
        await asyncio.sleep(0.05)
        assert collector._bodies.size <= 100 << 10
        assert await sent(Protocol(pieces=60), "198.51.100.1") == 204
        assert [task.result() for task in silent if task.done()] == [503] * 3, "the last one fits beside it"
        silent[-1].cancel()

    asyncio.run(story())


# ── headers that are not ASCII, which its server does not hand over ──

ECHOING = """
import json, multiprocessing, sys
from tandem import collectors
from tandem.base.sender import Proxies
from tandem.cli import main
from tandem.collect.counter import Collector
from tandem.collect.ingest import Reply

class Echo:
    async def number(self, body, sender):
        return Reply(200, json.dumps(sender))

collectors.worker = lambda: Collector(Echo(), Proxies("127.0.0.0/8"))
multiprocessing.set_start_method("fork", force=True)
sys.argv = ["tandem", "collect", "--no-load", "--workers", "1"]
main()
"""


@pytest.fixture(scope="module")
def echo(scratch: Path) -> Iterator[int]:
    """The port of a real collector that stands behind us as its proxy, and says whom it takes the sender for."""
    folder, port = Path(tempfile.mkdtemp(prefix="lone-echo-", dir=scratch)), free_port()
    process = forked.begun_code(ECHOING, {**os.environ, "TANDEM_DATA": str(folder), "PORT": str(port)}, folder / "log")
    try:
        eventually(lambda: _answers(port), 60)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def seen(port: int, *fields: bytes) -> tuple[str, str]:
    """Address and agent, as the collector reads them."""
    with connected(port) as client:
        head = [b"POST /t/number HTTP/1.1", b"host: x", b"connection: close", b"content-length: 2", *fields]
        client.sendall(b"\r\n".join(head) + b"\r\n\r\n{}")
        said = b"".join(iter(lambda: client.recv(4096), b""))
    address, agent, *_ = json.loads(said.partition(b"\r\n\r\n")[2])
    return address, agent


def test_a_header_that_cannot_be_read_frees_nobody_of_limits_and_makes_nobody_a_robot(echo: int) -> None:
    assert seen(echo, b"x-forwarded-for: 203.0.113.9", b"user-agent: Mozilla/5.0 x") == (
        "203.0.113.9", "Mozilla/5.0 x",
    )  # fmt: skip
    for lie in (b"\xff, 203.0.113.9", "я, 203.0.113.9".encode()):
        address, agent = seen(echo, b"x-forwarded-for: " + lie, b"user-agent: Mozilla/5.0 Chrome/120.0 \xff")
        assert not crowd.stands_for_many(address) and not agent_of(agent).bot
        limit = crowd.Allowance(10)
        assert [limit.takes(address, 8) for _ in range(2)] == [True, False]
    assert seen(echo) == ("127.0.0.1", ""), "what was not sent is not unreadable"
    assert seen(echo, b"x-forwarded-for: \xff", b"x-forwarded-for: 203.0.113.9")[0] == "203.0.113.9"
    behind_two = seen(echo, b"x-forwarded-for: \xff, 203.0.113.9", b"x-forwarded-for: 127.0.0.2")[0]
    assert behind_two == UNREADABLE, "the outer proxy's line is lost: it was not the inner proxy that sent this"
