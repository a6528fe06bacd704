"""How long a page takes whose days nobody has asked for before, and when it is asked for again.

`make bench NAME=pages`; the demo's folder (a million events, 120 days) is made once (BENCH_DIR says where) and kept.
Every page of the menu is opened by an admin on a running server, over spans of days that no other round has, so that
nothing is remembered of them. The last line is JSON, in milliseconds of the wall:

    board_cold_ms   the board, 95th percentile over the rounds
    worst_cold_ms   the slowest page by its median over the rounds; `worst_page` says which
    worst_warm_ms   the same of each page asked for again at once
    pages           page -> median cold and warm
"""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import date, timedelta
from pathlib import Path
from statistics import median, quantiles

from bench.kept import is_filled, kept_folder, mark_filled
from bench.servers import free_port
from tandem.accounts import store as accounts
from tandem.app import close_context, open_context
from tandem.base import clock, log
from tandem.base.config import Config
from tandem.core.auth import COOKIE
from tandem.demo.seed import seed

ROUNDS, EVENTS, PATIENCE_S = 12, 1_000_000, 90
LONGEST_DAYS = 90
ADMIN = "admin@fern.example"


def demo_folder() -> tuple[Path, list[str], str]:
    """The demo's data, the pages of its menu, and a session of its admin."""
    folder = kept_folder("pages")
    log.set_up("warning")
    ctx = open_context(Config(data=str(folder)))
    if not is_filled(folder):
        seed(ctx, events=EVENTS)
        mark_filled(folder)
    admin = accounts.user_by_email(ctx.database, ADMIN)
    assert admin is not None, f"the demo has no {ADMIN}"
    session = accounts.open_session(ctx.database, admin, "bench")
    pages = [page.address for page in ctx.pages if page.group is not None]
    close_context(ctx)
    return folder, pages, session


def spans(today: date) -> list[str]:
    """Spans of one to three months, each with an end and a length of its own."""
    ends = [(today - timedelta(days=1 + nth), LONGEST_DAYS - 5 * nth) for nth in range(ROUNDS)]
    return [f"{end - timedelta(days=days)}..{end}" for end, days in ends]


def opened_ms(url: str, session: str) -> float:
    request = urllib.request.Request(url, headers={"cookie": f"{COOKIE}={session}"})
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        answer.read()
        assert "/sign-in" not in answer.url, f"{url} asks to sign in"
    return (time.perf_counter() - began) * 1000


def measured(port: int, pages: list[str], session: str) -> dict[str, list[tuple[float, float]]]:
    """Cold and warm milliseconds of each page, by round."""
    found: dict[str, list[tuple[float, float]]] = {page: [] for page in pages}
    for span in spans(clock.now().date()):
        for page in pages:
            url = f"http://127.0.0.1:{port}{page}?site=fern&period={span}"
            found[page].append((opened_ms(url, session), opened_ms(url, session)))
        print(span, {page: round(times[-1][0]) for page, times in found.items()}, flush=True)
    return found


def main() -> None:
    folder, pages, session = demo_folder()
    port = free_port()
    env = {**os.environ, "TANDEM_DATA": str(folder), "PORT": str(port), "TANDEM_LOG": "warning"}
    server = subprocess.Popen([sys.executable, "-m", "tandem.cli", "serve"], env=env, stdout=subprocess.DEVNULL)
    try:
        _wait_until_it_rests(port, server)
        found = measured(port, pages, session)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE_S)
    medians = {page: [round(median(kind), 1) for kind in zip(*times, strict=True)] for page, times in found.items()}
    worst = max(medians, key=lambda page: medians[page][0])
    print(json.dumps({
        "board_cold_ms": round(quantiles([cold for cold, _ in found["/board"]], n=20)[-1]),
        "worst_cold_ms": medians[worst][0], "worst_page": worst,
        "worst_warm_ms": max(warm for _, warm in medians.values()), "rounds": ROUNDS, "pages": medians,
    }))  # fmt: skip


def _wait_until_it_rests(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until the server answers, and a little longer: what its jobs do when they begin is not a page's cost."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                break
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                raise SystemExit("the server did not start") from None
            time.sleep(0.1)
    time.sleep(20)


if __name__ == "__main__":
    main()
