"""Files of pages: whole in both forms, in small parts, and not at all to who has them."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest

from tandem.base.static_files import PART, answer, files_in


@pytest.fixture
def text(tmp_path: Path) -> bytes:
    (tmp_path / "js").mkdir()
    (tmp_path / "js" / "big.js").write_bytes(body := b"".join(b"let a%d = %d;\n" % (n, n) for n in range(9_000)))
    (tmp_path / "empty.css").touch()
    (tmp_path / "one.woff2").write_bytes(b"font")
    return body


def asked(folder: Path, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], list[bytes]]:
    said = list[dict[str, Any]]()

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    scope = {"method": method, "headers": [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]}
    asyncio.run(answer(files_in.__wrapped__(folder, "/static")[path], scope, send))
    assert [message.get("more_body", False) for message in said[1:]] == [True] * (len(said) - 2) + [False]
    told = {name.decode(): value.decode() for name, value in said[0]["headers"]}
    return said[0]["status"], told, [message["body"] for message in said[1:]]


def test_a_file_comes_whole_in_small_parts(tmp_path: Path, text: bytes) -> None:
    status, headers, parts = asked(tmp_path, "/static/js/big.js")
    assert (status, b"".join(parts)) == (200, text) and max(map(len, parts)) <= PART < len(text)
    assert headers["content-length"] == str(len(text)) and "content-encoding" not in headers
    assert headers["content-type"].startswith("text/javascript") and "immutable" in headers["cache-control"]


def test_it_is_compressed_for_who_understands_it(tmp_path: Path, text: bytes) -> None:
    _, headers, parts = asked(tmp_path, "/static/js/big.js", accept_encoding="br, gzip")
    assert gzip.decompress(b"".join(parts)) == text
    assert (headers["content-encoding"], headers["vary"]) == ("gzip", "accept-encoding")
    _, headers, parts = asked(tmp_path, "/static/one.woff2", accept_encoding="gzip")
    assert parts == [b"font"] and "content-encoding" not in headers


def test_who_has_it_is_sent_nothing_of_it(tmp_path: Path, text: bytes) -> None:
    tag = asked(tmp_path, "/static/js/big.js")[1]["etag"]
    assert asked(tmp_path, "/static/js/big.js", if_none_match=tag)[0::2] == (304, [b""])
    status, headers, parts = asked(tmp_path, "/static/js/big.js", "HEAD")
    assert (status, headers["content-length"], parts) == (200, str(len(text)), [b""])
    assert asked(tmp_path, "/static/js/big.js", "POST")[0] == 405
    assert asked(tmp_path, "/static/empty.css")[0::2] == (200, [b""])
