"""A collector that only remembers: a real HTTP server with `/t/hit`, the counter's files and pages made by a test."""

import json
import re
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parents[3] / "src/tandem/collect/static"

Event = dict[str, Any]
Batch = dict[str, Any]

HEX = re.compile(r"[0-9a-f]{16}")
VISITOR = re.compile(r"[0-9a-f]{16}\.[0-9a-z]{6,7}")
FIELDS = {
    "pageview": {"r", "f"},
    "engage": {"x", "d"},
    "event": {"n", "p", "a", "y"},
    "outbound": {"n"},
    "download": {"n"},
    "form": {"n"},
    "search": {"n"},
    "vital": {"n", "v"},
    "identify": {"p"},
}
NEEDED = {"pageview": {"r"}, "event": {"n"}, **{k: v for k, v in FIELDS.items() if k not in ("pageview", "event")}}


class Recorder:
    """Everything that was sent to `/t/hit`, and the switch that makes it fail: `answer` is a status or "refuse"."""

    def __init__(self) -> None:
        self.accepted: list[Batch] = []
        self.refused: list[Batch] = []
        self.heads: list[dict[str, str]] = []
        self.answer: int | str = 202
        self.pages: dict[str, tuple[int, str, dict[str, str]]] = {}
        handler = type("RecorderDoor", (RecorderHandler,), {"recorder": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def page(self, path: str, body: str, status: int = 200, tag: str = "", **headers: str) -> str:
        """Publish a page with the counter on it; its address. `tag` holds further attributes of the script."""
        html = f"<!doctype html><title>made</title><script src=/t/tandem.js data-site=K {tag}></script>{body}"
        self.pages[path] = (status, html, {name.replace("_", "-"): value for name, value in headers.items()})
        return self.url + path

    def events(self, kind: str = "") -> list[Event]:
        """Accepted events in the order of their arrival."""
        return [event for batch in list(self.accepted) for event in batch["e"] if kind in ("", event["k"])]

    def wait(self, seen: Callable[[], Any], timeout_s: float = 8) -> Any:
        """The first true answer of `seen`, or an AssertionError that shows what had arrived."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if found := seen():
                return found
            time.sleep(0.02)
        raise AssertionError(f"it never came; accepted: {self.accepted}; refused: {self.refused}")

    def wait_for(self, kind: str, count: int = 1) -> list[Event]:
        self.wait(lambda: len(self.events(kind)) >= count)
        return self.events(kind)

    def quiet(self, quiet_s: float = 0.6) -> list[Event]:
        """All events, once nothing has arrived for a while."""
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < quiet_s:
            if len(self.accepted) != seen:
                seen, since = len(self.accepted), time.monotonic()
            time.sleep(0.02)
        return self.events()


class RecorderHandler(BaseHTTPRequestHandler):
    recorder: Recorder
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.split("?")[0]
        if name in ("/t/tandem.js", "/t/vitals.js"):
            return self._answer(200, (STATIC / name[3:]).read_bytes(), {"Content-Type": "text/javascript"})
        status, html, headers = self.recorder.pages.get(name, (404, "", {}))
        return self._answer(status, html.encode(), {"Content-Type": "text/html; charset=utf-8", **headers})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.path.startswith("/t/hit"):
            return self._answer(200, b"<!doctype html><title>sent</title>", {"Content-Type": "text/html"})
        batch = json.loads(body)
        answer = self.recorder.answer
        if answer == "refuse":
            self.recorder.refused.append(batch)
            self.close_connection = True
            return None
        self.recorder.heads.append({name.lower(): value for name, value in self.headers.items()})
        (self.recorder.accepted if answer == 202 else self.recorder.refused).append(batch)
        return self._answer(int(answer), b"ok", {"Content-Type": "text/plain"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def assert_wire_format(batch: Batch) -> None:
    """Everything the collector may rely on, for every batch that a test makes the counter send."""
    assert set(batch) - {"i"} == {"s", "c", "m", "l", "w", "n", "e"}
    assert batch["m"] == ("cookie" if "i" in batch else "cookieless")
    assert "i" not in batch or VISITOR.fullmatch(batch["i"])
    assert isinstance(batch["c"], int) and isinstance(batch["n"], int) and batch["w"] > 0
    assert 1 <= len(batch["e"]) <= 50
    assert len(json.dumps(batch, ensure_ascii=False).encode()) <= 65536
    for event in batch["e"]:
        kind = event["k"]
        own = set(event) - {"i", "k", "t", "u"}
        assert NEEDED[kind] <= own <= FIELDS[kind], event
        assert HEX.fullmatch(event["i"]) and isinstance(event["t"], int)
        assert event["u"].startswith("http") and len(event["u"]) <= 2000
        assert kind != "engage" or (event["x"] >= 0 and 0 <= event["d"] <= 100)
