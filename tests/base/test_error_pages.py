"""Whom an error is blamed on: the request where the framework could not read it, us where our code broke."""

import errno
import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from litestar import Litestar, post
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.testing import TestClient

from tandem.base import error_pages
from tandem.base.vault import open_vault

DEEP = b'{"a":' + b"[" * 100_000


class Said(msgspec.Struct):
    a: list[Any] | str


@post("/api/taken", sync_to_thread=True)
def taken(data: Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)]) -> None:
    """Takes an upload."""


@post("/api/said", sync_to_thread=True)
def said(data: Said) -> None:
    """Reads a file of its own, as a route would: through another module."""
    open_vault(Path(str(data.a)))


@pytest.fixture
def client() -> TestClient[Any]:
    handlers: Any = {
        UnicodeDecodeError: error_pages.not_utf8, RecursionError: error_pages.too_deep, Exception: error_pages.bug,
    }  # fmt: skip
    return TestClient(Litestar([said, taken], exception_handlers=handlers))


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


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_an_upload_that_finds_no_room_is_told_that_the_disk_is_full(
    client: TestClient[Any], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The framework sets it down before any route is reached; it was told as a mistake of ours."""

    async def without_room(*_: Any) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(UploadFile, "write", without_room)
    answer = client.post("/api/taken", files={"file": ("a.csv", b"a,b")})
    assert (answer.status_code, answer.json()["hint"]) == (503, "Free some space, then try again.")
    assert "disk is full" in answer.json()["error"]
    monkeypatch.undo()
    assert client.post("/api/taken", files={"file": ("a.csv", b"a,b")}).status_code == 201
