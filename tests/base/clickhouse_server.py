"""A small server that speaks ClickHouse's HTTP interface on top of chDB.

Run by `python -m tests.base.clickhouse_server FOLDER PORT LOG`. It answers what the official client sends: the query
in the body, in a form field or in the address; bound values and settings likewise; replies in the format asked for;
inserts as a Native block behind their statement. One line of JSON a request goes to LOG.
"""

import email.parser
import email.policy
import gzip
import json
import sys
import tempfile
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import clickhouse_connect
import lz4.frame

OF_THE_PROTOCOL = {
    "query",
    "database",
    "default_format",
    "session_id",
    "query_id",
    "user",
    "password",
    "compress",
    "decompress",
    "role",
    "client_protocol_version",
    "wait_end_of_query",
    "session_timeout",
    "session_check",
    "buffer_size",
    "quota_key",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "enable_http_compression",
    "http_write_exception_in_output_format",
    "cancel_http_readonly_queries_on_client_close",
    "date_time_input_format",
}
UNPACKED = {"gzip": gzip.decompress, "deflate": zlib.decompress, "lz4": lz4.frame.decompress, "": bytes}
_local = threading.local()


def engine() -> Any:
    if not hasattr(_local, "client"):
        _local.client = clickhouse_connect.get_client(dsn=f"chdb:///{sys.argv[1]}")
    return _local.client._backend


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        body = UNPACKED[self.headers.get("content-encoding", "")](self._body())
        kind = self.headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            asked |= _fields(kind, body)
            body = b""
        elif kind.startswith("application/x-www-form-urlencoded"):
            asked |= dict(parse_qsl(body.decode(), keep_blank_values=True))
            body = b""
        statement = asked.get("query", "").encode() + (b"\n" if asked.get("query") and body else b"") + body
        with Path(sys.argv[3]).open("a") as log:
            log.write(json.dumps({"address": len(self.path), "sql": statement[:80].decode(errors="replace")}) + "\n")
        try:
            self._answer(200, *_run(statement, asked))
        except Exception as error:  # noqa: BLE001 - whatever the engine says is the client's to read
            self._answer(500, f"Code: 0. DB::Exception: {error}".encode(), "", {"X-ClickHouse-Exception-Code": "1"})

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, body: bytes, form: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        fields = {
            "Content-Length": str(len(body)),
            "X-ClickHouse-Summary": '{"read_rows":"0","written_rows":"0"}',
            **(more or {}),
        }
        if form:
            fields["X-ClickHouse-Format"] = form
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _fields(kind: str, body: bytes) -> dict[str, str]:
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
    )
    found = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        found[str(part.get_param("name", header="content-disposition"))] = content.decode()
    return found


def _run(statement: bytes, asked: dict[str, str]) -> tuple[bytes, str]:
    params = {k.removeprefix("param_"): v for k, v in asked.items() if k.startswith("param_")}
    settings = {k: v for k, v in asked.items() if k not in OF_THE_PROTOCOL and not k.startswith("param_")}
    form, database = asked.get("default_format", "TabSeparated"), asked.get("database") or None
    head, _, block = statement.partition(b"\n")
    if head.upper().startswith(b"INSERT INTO") and head.rstrip().endswith(b"FORMAT Native"):
        with tempfile.NamedTemporaryFile(suffix=".native") as file:
            file.write(block)
            file.flush()
            clause = ", ".join(f"{k} = '{v}'" for k, v in settings.items())
            target = head.decode().rstrip().removesuffix("FORMAT Native")
            engine()._run(
                f"{target} FROM INFILE '{file.name}' SETTINGS {clause or 'max_threads = 1'} FORMAT Native",
                "TabSeparated",
                database=database,
            )
        return b"", ""
    result = engine()._run_with_settings(statement.decode(), form, settings, params=params, database=database)
    text = statement.decode().rstrip().rstrip(";")
    named = text.rsplit("FORMAT", 1)[1].strip() if "FORMAT" in text[-40:] else form
    return result.bytes() or b"", named if result.bytes() else ""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
