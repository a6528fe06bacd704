"""What it costs to begin: importing the product, its help, and a server on the demo's data.

`make bench NAME=start`; the demo's folder is made once (BENCH_DIR says where) and kept. The last line is JSON:

    import_cpu_s    CPU seconds of `import tandem.app`, the median of nine fresh processes
    help_cpu_s      the same of `tandem --help`
    ready_s         wall seconds from `tandem serve` on the demo's data until /healthz answers ok, the median of five
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from statistics import median

from bench.kept import is_filled, kept_folder, mark_filled
from bench.servers import free_port
from tandem.app import close_context, open_context
from tandem.base import log
from tandem.base.config import Config
from tandem.demo.seed import seed

TIMES, STARTS, EVENTS, PATIENCE_S = 9, 5, 1_000_000, 60
TANDEM = Path(sys.executable).with_name("tandem")


def cpu_s(*command: str | Path) -> float:
    """CPU seconds of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def demo_folder() -> Path:
    folder = kept_folder("start")
    if not is_filled(folder):
        log.set_up("warning")
        ctx = open_context(Config(data=str(folder)))
        seed(ctx, events=EVENTS)
        close_context(ctx)
        mark_filled(folder)
    return folder


def ready_s(folder: Path) -> float:
    port = free_port()
    env = {**os.environ, "TANDEM_DATA": str(folder), "PORT": str(port), "TANDEM_LOG": "warning"}
    began = time.perf_counter()
    server = subprocess.Popen([TANDEM, "serve"], env=env, stdout=subprocess.DEVNULL)
    try:
        while not _answers(port):
            if server.poll() is not None or time.perf_counter() - began > PATIENCE_S:
                raise SystemExit("the server did not start")
            time.sleep(0.02)
        return time.perf_counter() - began
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE_S)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def main() -> None:
    folder = demo_folder()
    found = {
        "import_cpu_s": median(cpu_s(sys.executable, "-c", "import tandem.app") for _ in range(TIMES)),
        "help_cpu_s": median(cpu_s(TANDEM, "--help") for _ in range(TIMES)),
        "ready_s": median(ready_s(folder) for _ in range(STARTS)),
    }
    print(json.dumps({name: round(value, 2) for name, value in found.items()}))


if __name__ == "__main__":
    main()
