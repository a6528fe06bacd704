"""The files of pages: read and compressed once, shared by all answers, sent in small parts.

A client that reads slowly holds a part of one, and no file.
"""

import gzip
import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

PART = 4 << 10
"""The server keeps sixteen parts of an answer that is not read."""
COMPRESSED = (".css", ".js", ".svg", ".json", ".txt")
FOR_A_YEAR = (b"cache-control", b"public, max-age=31536000, immutable")
"""Their addresses name their version."""


class File(NamedTuple):
    """A file in both forms, and what tells one version from another."""

    kind: bytes
    plain: bytes
    packed: bytes
    tag: bytes


@lru_cache
def files_in(folder: Path, prefix: str) -> dict[str, File]:
    """Every file of a folder by its address."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {f"{prefix}/{path.relative_to(folder).as_posix()}": _file(path) for path in paths}


def _file(path: Path) -> File:
    plain = path.read_bytes()
    packed = gzip.compress(plain, 6, mtime=0) if path.suffix in COMPRESSED else b""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    text = "; charset=utf-8" if kind.startswith("text/") or path.suffix == ".js" else ""
    tag = f'"{hashlib.sha256(plain).hexdigest()[:24]}"'
    return File(f"{kind}{text}".encode(), plain, packed, tag.encode())


async def answer(file: File, scope: Any, send: Any) -> None:
    """Send a file to GET and HEAD; nothing of it to who has it already."""
    request_headers = dict(scope["headers"])
    if scope["method"] not in ("GET", "HEAD"):
        await _send(send, 405, [(b"allow", b"GET, HEAD"), (b"connection", b"close")])
        return
    headers = [(b"content-type", file.kind), (b"etag", file.tag), (b"vary", b"accept-encoding"), FOR_A_YEAR]
    if request_headers.get(b"if-none-match") == file.tag:
        await _send(send, 304, headers)
        return
    is_packed = bool(file.packed) and b"gzip" in request_headers.get(b"accept-encoding", b"")
    body = file.packed if is_packed else file.plain
    headers += [(b"content-encoding", b"gzip")] if is_packed else []
    headers += [(b"content-length", str(len(body)).encode())]
    await _send(send, 200, headers, b"" if scope["method"] == "HEAD" else body)


async def _send(send: Any, status: int, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for i in range(0, len(body), PART):
        await send({"type": "http.response.body", "body": body[i : i + PART], "more_body": i + PART < len(body)})
    if not body:
        await send({"type": "http.response.body", "body": b""})
