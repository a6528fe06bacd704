"""Large bodies of strangers: refused unread where nobody was given the address, bounded in all elsewhere."""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tandem.base import bodies
from tests.served import Running, served, started

pytestmark = pytest.mark.process
MANY, LARGE = 100, 4_190_000
SIGNED = {"x-hub-signature-256": "sha256=" + "0" * 64}


@pytest.fixture(scope="module")
def own(scratch: Path, migrated: Path) -> Iterator[Running]:
    """A server whose memory nobody else's requests change."""
    yield from served(scratch, migrated)


def unfinished(stack: ExitStack, url: str, path: str, sent: int = LARGE - 1_000, **headers: str) -> socket.socket:
    """A connection on which nearly all of a large body has been sent, or as much as was taken."""
    client = stack.enter_context(socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0), 5))
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    client.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\n{fields}content-length: {LARGE}\r\n\r\n".encode())
    with suppress(OSError):
        client.sendall(bytes(sent))
    return client


def rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/hooks/github/nosite", SIGNED, 404),
        ("/hooks/github/fern", {}, 403),
        ("/hooks/github/fern", {"x-hub-signature-256": "sha256=1"}, 403),
        ("/hooks/gitlab/nosite", {}, 404),
        ("/hooks/gitlab/fern", {"x-gitlab-token": "guessed"}, 403),
        ("/hooks/in/1/guessed", {}, 404),
    ],
)
def test_a_webhook_to_an_address_nobody_was_given_is_refused_before_its_body_comes(
    own: Running, path: str, headers: dict[str, str], status: int
) -> None:
    with ExitStack() as stack:
        client = unfinished(stack, own.url, path, sent=0, **headers)
        client.settimeout(10)
        assert client.recv(12) == b"HTTP/1.1 %d" % status


def test_silent_webhooks_of_a_stranger_fill_no_memory(own: Running) -> None:
    before = rss_mb(own.pid)
    with ExitStack() as stack:
        for _ in range(MANY):
            unfinished(stack, own.url, "/hooks/github/fern", **SIGNED)
        assert rss_mb(own.pid) - before < 2 * bodies.IN_ALL / 1e6 + 50, f"{MANY * LARGE / 1e6:.0f} MB were sent"
        with own.as_nobody() as stranger:
            assert stranger.get("/sign-in").status_code == 200
            large = stranger.post("/hooks/github/fern", content=bytes(1_000_000), headers=SIGNED)
            assert large.status_code in (403, 503), "it is read whole, or told to come back"


def test_a_server_stops_beside_bodies_that_never_end(migrated: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(migrated, tmp_path / "stops", symlinks=True))
    process, url = started(folder)
    try:
        with ExitStack() as stack:
            for path, sent in (("/set-up", 10_000), ("/t/hit", 10_000), ("/t/hit", 10)):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0), 5))
                client.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 12000\r\n\r\n".encode())
                client.sendall(b"x" * sent)
            time.sleep(0.5)
            process.terminate()
            began = time.monotonic()
            process.wait(30)
            assert time.monotonic() - began < 12, "three seconds, and what else has to be closed"
    finally:
        process.kill()
