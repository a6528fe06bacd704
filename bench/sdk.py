"""What the counter costs a visitor: bytes on the wire and main-thread time in Chromium.

`python -m bench.sdk [pages]` loads a product page of the shop `pages` times (default 25, after three for warming up), each
time in a fresh browser context, so that neither the HTTP cache nor V8's code cache helps. On each page it does what a
visitor does: waits for load and idle, moves the mouse, scrolls, clicks, and leaves.

main_thread_ms is read from Chromium's trace (category devtools.timeline): the thread CPU time of the outermost compile,
evaluate and function-call slices on a renderer's main thread whose script is tandem.js or vitals.js, median over pages.
That contains forced layout caused by the counter; it leaves out promise continuations, which the trace does not name.
with_minus_without_ms is the cross-check that leaves nothing out: the same walk with empty files in place of the two,
alternating, difference of the medians of the main thread's ScriptDuration. It is noisy on a shared machine.
"""

import gzip
import json
import os
import statistics
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tandem.demo.shop import serve_shop

STATIC = Path(__file__).parents[1] / "src/tandem/collect/static"
FILES = ("tandem.js", "vitals.js")
CHROMIUM = os.environ.get("TANDEM_CHROMIUM", "/usr/bin/chromium")
ARGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SLICES = {"EvaluateScript", "FunctionCall", "v8.compile", "v8.evaluateModule"}

Trace = list[dict[str, Any]]


class Collector(BaseHTTPRequestHandler):
    """Serves the two files, or empty ones, and accepts every hit."""

    empty = False
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = Path(self.path).name
        body = b"" if self.empty or name not in FILES else (STATIC / name).read_bytes()
        self._answer(200, body)

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
def shop_page(empty: bool) -> Iterator[str]:
    """The address of a product page with the counter on it, or with empty files in its place."""
    handler = type("BenchCollector", (Collector,), {"empty": empty})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shop = serve_shop(f"http://127.0.0.1:{server.server_port}", 0, "BENCH", "cookieless").start()
    try:
        yield f"{shop.url}/plants/monstera-deliciosa"
    finally:
        shop.stop()
        server.shutdown()
        server.server_close()


def walk(browser: Browser, url: str, traced: bool) -> tuple[Trace, float]:
    """One page view as a visitor does it: its trace (empty unless asked for) and its ScriptDuration in ms."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    if traced:
        browser.start_tracing(page=page, categories=["-*", "devtools.timeline", "__metadata"])
    page.goto(url)
    page.wait_for_timeout(400)
    for step in range(10):
        page.mouse.move(200 + 20 * step, 300)
    page.mouse.wheel(0, 600)
    page.click("h1")
    page.wait_for_timeout(300)
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    page.goto("about:blank")
    trace = json.loads(browser.stop_tracing())["traceEvents"] if traced else []
    context.close()
    return trace, metrics["ScriptDuration"] * 1000


def script_of(event: dict[str, Any]) -> str:
    data = event.get("args", {}).get("data", {})
    url = str(data.get("url") or event.get("args", {}).get("fileName") or "")
    return next((name for name in FILES if url.split("?")[0].endswith("/t/" + name)), "")


def cost_ms(trace: Trace) -> dict[str, float]:
    """Main-thread CPU milliseconds of each file: outermost slices only, so that nothing is counted twice."""
    mains = {(e["pid"], e["tid"]) for e in trace if e.get("args", {}).get("name") == "CrRendererMain"}
    ours = [e for e in trace if e["name"] in SLICES and e.get("ph") == "X" and (e["pid"], e["tid"]) in mains and script_of(e)]
    cost = dict.fromkeys(FILES, 0.0)
    ends: dict[tuple[int, int], float] = {}
    for event in sorted(ours, key=lambda e: (e["ts"], -e["dur"])):
        thread = (event["pid"], event["tid"])
        if event["ts"] < ends.get(thread, 0):
            continue
        ends[thread] = event["ts"] + event["dur"]
        cost[script_of(event)] += event.get("tdur", event["dur"]) / 1000
    return cost


def measure(pages: int) -> dict[str, float]:
    costs: list[dict[str, float]] = []
    scripting: dict[bool, list[float]] = {False: [], True: []}
    with sync_playwright() as playwright, shop_page(False) as full, shop_page(True) as empty:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        for number in range(-3, pages):
            trace, _ = walk(browser, full, traced=True)
            pair = {False: walk(browser, full, traced=False)[1], True: walk(browser, empty, traced=False)[1]}
            if number < 0:
                continue
            costs.append(cost_ms(trace))
            for key, value in pair.items():
                scripting[key].append(value)
            print(f"page {number + 1}/{pages}: {sum(costs[-1].values()):.2f} ms", flush=True)
        browser.close()
    total = sorted(sum(cost.values()) for cost in costs)
    return {
        "main_thread_ms": round(statistics.median(total), 3),
        "main_thread_p95_ms": round(total[int(0.95 * (len(total) - 1))], 3),
        "core_ms": round(statistics.median(cost["tandem.js"] for cost in costs), 3),
        "vitals_ms": round(statistics.median(cost["vitals.js"] for cost in costs), 3),
        "with_minus_without_ms": round(statistics.median(scripting[False]) - statistics.median(scripting[True]), 3),
        "pages": pages,
    }


def main() -> None:
    pages = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    sizes = {f"{name.split('.')[0]}_gzip_bytes": len(gzip.compress((STATIC / name).read_bytes(), 9)) for name in FILES}
    sizes["core_gzip_bytes"] = sizes.pop("tandem_gzip_bytes")
    print(json.dumps({**sizes, **measure(pages)}))


if __name__ == "__main__":
    main()
