"""What the proof costs: wall seconds of the tests from a set-up clone, and how many cases of each kind there are.

`make bench NAME=suite`; nothing else should run on the machine meanwhile. The last line is JSON:

    fast_s    `make test-fast`: no browser, no processes of their own, one store, none of those in tests/long.txt
    full_s    `make test`
    cases     number of cases by kind; the kinds are marks that tests/conftest.py gives

`python -m bench.suite long` writes tests/long.txt anew: the tests that take over a second, all their cases together,
of those without a browser, processes of their own and PostgreSQL.
"""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
KINDS, LONG_S = ("browser", "process", "postgres", "long"), 1.0
FAST = " and ".join(f"not {kind}" for kind in KINDS)


def wall_s(target: str) -> float:
    began = time.perf_counter()
    done = subprocess.run(["make", target], cwd=ROOT, stdout=sys.stderr, check=False)
    if done.returncode:
        raise SystemExit(f"make {target} failed")
    return time.perf_counter() - began


def cases(which: str) -> int:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-m", which]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sum("::" in line for line in done.stdout.splitlines())


def write_long() -> None:
    """Run the tests that are quick by their kind, and note those that are not by the clock."""
    which, report = FAST.removesuffix(" and not long"), ROOT / ".make" / "durations.xml"
    subprocess.run(
        [sys.executable, "-m", "pytest", "--dist", "loadscope", "-n", "2", "-m", which, f"--junitxml={report}"],
        cwd=ROOT, stdout=sys.stderr, check=True,
    )  # fmt: skip
    took = Counter[str]()
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.attrib['classname'].replace('.', '/')}.py::{case.attrib['name'].partition('[')[0]}"
        took[name] += float(case.attrib["time"])
    lines = sorted(name for name, seconds in took.items() if seconds > LONG_S)
    (ROOT / "tests" / "long.txt").write_text("".join(f"{line}\n" for line in lines))
    print(f"{len(lines)} tests take long")


def main() -> None:
    if sys.argv[1:] == ["long"]:
        write_long()
        return
    counted = {"fast": cases(FAST)} | {kind: cases(kind) for kind in KINDS}
    found = {f"{name}_s": round(wall_s(target)) for name, target in (("fast", "test-fast"), ("full", "test"))}
    print(json.dumps({**found, "cases": counted}))


if __name__ == "__main__":
    main()
