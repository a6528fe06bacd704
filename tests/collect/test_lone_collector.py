"""The lone collector's side of HTTP: what it reads, and whether it says that it cannot write."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tandem.base.sender import Proxies
from tandem.collect import counter, health
from tandem.collect.model.hit import MAX_BODY


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
