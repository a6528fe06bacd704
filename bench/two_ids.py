"""Hits of one browser, half of them before it had consent and half with a fresh cookie, over six days, in one batch.

`make bench NAME=two_ids`; `bench.attack` prints the same figure. The last line is JSON:

    two_ids_cpu_s    CPU time of a batch of 80,000 such hits, all threads, in a fresh process
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench.long_visit import opened, record
from tandem.collect.model.hit import Record

HITS, STEP_MS = 80_000, 6 * 86_400_000 // 80_000
COOKIELESS, COOKIE = 7, 8


def hit(site: int, nth: int) -> Record:
    """The nth of them: each second one says under which id the browser was known before."""
    visitor = COOKIE if nth % 2 else COOKIELESS
    made = msgspec.structs.replace(record(site, visitor, nth), before=COOKIELESS if visitor == COOKIE else 0)
    made.events[0].at += nth * STEP_MS
    return made


def measure(folder: Path) -> None:
    loader, site = opened(folder)
    records = [hit(site, nth) for nth in range(HITS)]
    before = time.process_time()
    loader.load(records, "two-ids")
    print(json.dumps({"two_ids_cpu_s": round(time.process_time() - before, 2)}))


def two_ids() -> dict[str, float]:
    """The figure, from a process by itself."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-bench-"))
    try:
        command = [sys.executable, "-m", "bench.two_ids", str(folder)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        measure(Path(sys.argv[1]))
    else:
        print(json.dumps(two_ids()))
