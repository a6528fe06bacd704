"""What the counter costs a visitor: bytes on the wire and main-thread scripting time in Chromium.

`python -m bench.sdk [rounds]` walks a product page of the shop in four variants, `rounds` times each (default 25, after
two for warming up), in turns, so that a slow minute of the machine hits all of them. Every walk has a fresh browser
context: neither the HTTP cache nor V8's code cache helps. It loads the page, waits for idle, moves the mouse, scrolls,
clicks, and is hidden (which makes the counter send its last report); then ScriptDuration + V8CompileDuration of the
renderer's main thread (CDP Performance.getMetrics, thread CPU time, no tracing or profiling switched on) are read.

    none    the same page with empty files in place of tandem.js and vitals.js: what the page itself costs
    bare    the least that any counter pays: one fetch after load, one beacon when hidden, one more script element
    core    tandem.js, with an empty vitals.js
    full    both files

main_thread_ms = median(full) - median(none), and so on. Two runs on a busy machine differ by about a tenth.
`lag_ms` is how long `none` takes: it says how fast the machine is, because it is always the same work.
"""

import gzip
import json
import os
import statistics
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tandem.demo.shop import serve_shop

STATIC = Path(__file__).parents[1] / "src/tandem/collect/static"
CHROMIUM = os.environ.get("TANDEM_CHROMIUM", "/usr/bin/chromium")
ARGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
BARE = b"""addEventListener("load", () => {
  fetch("/t/hit", {method: "POST", body: "x", keepalive: true, credentials: "omit"});
  document.head.appendChild(Object.assign(document.createElement("script"), {src: "/t/vitals.js"}));
});
addEventListener("visibilitychange", () => navigator.sendBeacon("/t/hit", "x"));"""
HIDE = """Object.defineProperty(document, "visibilityState", {get: () => "hidden"});
document.dispatchEvent(new Event("visibilitychange", {bubbles: true}))"""


def variants() -> dict[str, dict[str, bytes]]:
    core, vitals = ((STATIC / name).read_bytes() for name in ("tandem.js", "vitals.js"))
    return {
        "none": {},
        "bare": {"tandem.js": BARE},
        "core": {"tandem.js": core},
        "full": {"tandem.js": core, "vitals.js": vitals},
    }


class Collector(BaseHTTPRequestHandler):
    """Serves the files of a variant, empty where it has none, and accepts every hit."""

    files: dict[str, bytes]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200, self.files.get(Path(self.path).name, b""))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(202, b"ok")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/javascript")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def shop_page(files: dict[str, bytes]) -> Iterator[str]:
    """The address of a product page of the shop with these files as its counter."""
    handler = type("BenchCollector", (Collector,), {"files": files})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shop = serve_shop(f"http://127.0.0.1:{server.server_port}", 0, "BENCH", "cookieless").start()
    try:
        yield f"{shop.url}/plants/monstera-deliciosa"
    finally:
        shop.stop()
        server.shutdown()
        server.server_close()


def scripting_ms(browser: Browser, url: str) -> float:
    """Main-thread CPU milliseconds that all scripts of one page view took, compiling included."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(url)
    page.wait_for_timeout(400)
    for step in range(10):
        page.mouse.move(200 + 20 * step, 300)
    page.mouse.wheel(0, 600)
    page.click("h1")
    page.wait_for_timeout(300)
    page.evaluate(HIDE)
    page.wait_for_timeout(50)
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    context.close()
    return float(metrics["ScriptDuration"] + metrics["V8CompileDuration"]) * 1000


def measure(rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in variants()}
    with sync_playwright() as playwright, ExitStack() as stack:
        pages = {name: stack.enter_context(shop_page(files)) for name, files in variants().items()}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        for number in range(-2, rounds):
            row = {name: scripting_ms(browser, url) for name, url in pages.items()}
            print(f"round {number + 1}/{rounds}: " + ", ".join(f"{k} {v:.2f} ms" for k, v in row.items()), flush=True)
            for name, value in row.items():
                times[name] += [value] if number >= 0 else []
        browser.close()
    middle = {name: statistics.median(values) for name, values in times.items()}
    return {
        "main_thread_ms": round(middle["full"] - middle["none"], 2),
        "core_ms": round(middle["core"] - middle["none"], 2),
        "vitals_ms": round(middle["full"] - middle["core"], 2),
        "bare_ms": round(middle["bare"] - middle["none"], 2),
        "lag_ms": round(middle["none"], 2),
        "rounds": rounds,
    }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    files = variants()["full"]
    sizes = {
        "core_gzip_bytes": len(gzip.compress(files["tandem.js"], 9)),
        "vitals_gzip_bytes": len(gzip.compress(files["vitals.js"], 9)),
    }
    print(json.dumps({**sizes, **measure(rounds)}))


if __name__ == "__main__":
    main()
