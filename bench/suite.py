"""What the proof costs: wall seconds of the tests from a set-up clone, and how many cases of each kind there are.

`make bench NAME=suite`; nothing else should run on the machine meanwhile. The last line is JSON:

    fast_s    `make test-fast`: no browser, no processes of their own, one store
    full_s    `make test`
    cases     number of cases by kind; the kinds are marks that tests/conftest.py gives
"""

import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = ("browser", "process", "postgres")
FAST = " and ".join(f"not {kind}" for kind in KINDS)


def wall_s(target: str) -> float:
    began = time.perf_counter()
    done = subprocess.run(["make", target], cwd=ROOT, stdout=sys.stderr, check=False)
    if done.returncode:
        raise SystemExit(f"make {target} failed")
    return time.perf_counter() - began


def cases(which: str) -> int:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", which]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sum("::" in line for line in done.stdout.splitlines())


def main() -> None:
    counted = {"fast": cases(FAST)} | {kind: cases(kind) for kind in KINDS}
    found = {f"{name}_s": round(wall_s(target)) for name, target in (("fast", "test-fast"), ("full", "test"))}
    print(json.dumps({**found, "cases": counted}))


if __name__ == "__main__":
    main()
