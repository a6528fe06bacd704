"""Whom an error is blamed on: the request where the framework could not read it, us where our code broke."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar, post
from litestar.testing import TestClient

from tandem.base import error_pages
from tandem.base.vault import open_vault

DEEP = b'{"a":' + b"[" * 100_000


class Said(msgspec.Struct):
    a: list[Any] | str


@post("/api/said", sync_to_thread=True)
def said(data: Said) -> None:
    """Reads a file of its own, as a route would: through another module."""
    open_vault(Path(str(data.a)))


@pytest.fixture
def client() -> TestClient[Any]:
    handlers: Any = {
        UnicodeDecodeError: error_pages.not_utf8, RecursionError: error_pages.too_deep, Exception: error_pages.bug,
    }  # fmt: skip
    return TestClient(Litestar([said], exception_handlers=handlers))


@pytest.mark.parametrize(("body", "told"), [(b'{"a": "\xff"}', "not valid UTF-8"), (DEEP, "nested too deeply")])
def test_what_came_with_a_request_is_blamed_on_the_request(client: TestClient[Any], body: bytes, told: str) -> None:
    answer = client.post("/api/said", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400 and told in answer.json()["error"]


@pytest.mark.parametrize("error", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), RecursionError()])
def test_what_breaks_in_our_own_code_is_not(
    client: TestClient[Any], error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaking(path: Path) -> None:
        raise error

    monkeypatch.setattr("tandem.base.vault._make", breaking)
    answer = client.post("/api/said", json={"a": str(tmp_path)})
    assert answer.status_code == 500 and "Tandem ran into an error" in answer.json()["error"]
