"""Data folders for commands that run in processes of their own: one process may open one event store."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import structlog

from tandem.cli import main
from tests import forked
from tests.conftest import free_port
from tests.once import made_once

ROOT = Path(__file__).parents[2]
TANDEM = Path(sys.executable).with_name("tandem")
PATIENCE_S = 240

CODE = """
import json, sys
from pathlib import Path
from tandem.app import close_context, open_context
from tandem.base import log
from tandem.base.config import load
log.set_up("error")
ctx = open_context(load())
answer = None
{code}
close_context(ctx)
print(json.dumps(answer, default=str))
"""


def environment(folder: Path, **extra: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TANDEM_") and k not in ("PORT", "COLUMNS")}
    return clean | {"TANDEM_DATA": str(folder), "NO_COLOR": "1", "USER": "tester", **extra}


def tandem(folder: Path, *words: str, typed: str = "", **extra: str) -> subprocess.CompletedProcess[str]:
    """One command in a process of its own."""
    return forked.run(words, environment(folder, **extra), typed, PATIENCE_S)


def installed(folder: Path, *words: str, typed: str = "", **extra: str) -> subprocess.CompletedProcess[str]:
    """One command, as a person would run it."""
    return subprocess.run(
        [TANDEM, *words], env=environment(folder, **extra), input=typed, capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def here(folder: Path, *words: str, typed: str = "", **extra: str) -> subprocess.CompletedProcess[str]:
    """One command of those that open the record store alone, in this process: a process of its own takes a second."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    as_it_was, mask = structlog.get_config(), os.umask(0o077)
    with (
        redirect_stdout(out), redirect_stderr(err), patch.dict(os.environ, environment(folder, **extra), clear=True),
        patch.object(sys, "argv", ["tandem", *words]), patch.object(sys, "stdin", io.StringIO(typed)),
    ):  # fmt: skip
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            os.umask(mask)
            structlog.configure(**as_it_was)
    return subprocess.CompletedProcess(["tandem", *words], code, out.getvalue(), err.getvalue())


def in_house(folder: Path, code: str, **extra: str) -> Any:
    """What `answer` is after this code ran in a process that has both stores open as `ctx`."""
    done = forked.run_code(CODE.format(code=code), environment(folder, **extra), PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def serving(folder: Path, stop: int = signal.SIGTERM, **extra: str) -> Iterator[str]:
    """A running `tandem serve`; gives its address."""
    port = free_port()
    env = environment(folder, TANDEM_PORT=str(port), **extra)
    server, url = forked.begun(["serve"], env, folder.parent / f"{folder.name}.log"), f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: status_of(f"{url}/healthz") == 200, lambda: server.poll() is None)
        yield url
    finally:
        server.send_signal(stop)
        server.wait(60)


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
    except OSError:
        return 0


def wait_for(is_done: Callable[[], bool], may_wait: Callable[[], bool] = lambda: True, most_s: float = 90) -> None:
    until = time.monotonic() + most_s
    while not is_done():
        assert may_wait() and time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


SEED = """
from tandem.demo.seed import seed
from datetime import UTC, datetime, timedelta
seed(ctx, events=1500, days=4)
answer = ctx.warehouse.value("select count() from events")
"""


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a small invented company; copy it before changing it."""

    def seed(folder: Path) -> None:
        assert in_house(folder, SEED) > 700, "the last day of the company is as long as the clock says"

    return made_once(tmp_path_factory, "seeded", seed)


@pytest.fixture
def company(seeded: Path, tmp_path: Path) -> Path:
    """A data folder of one's own with the small company in it."""
    return Path(shutil.copytree(seeded, tmp_path / "data", symlinks=True))


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A data folder that is not there yet."""
    return tmp_path / "data"


SUMS = """
tables = {
    "events": "events", "visit_rows": "visit_rows final", "origins": "origins final", "agents": "agents final",
    "reception": "reception",
}
answer = {}
for name, source in tables.items():
    what = "* except (version)" if name == "visit_rows" else "*"
    inner = f"(select {what} from {source})"
    answer[name] = ctx.warehouse.ask(f"select count(), toString(sum(cityHash64(*))) from {inner}").rows[0]
from sqlalchemy import select
from tandem.base.database import METADATA
with ctx.database.read() as c:
    for table in METADATA.sorted_tables:
        if table.name not in ("salts", "sign_ins"):
            answer[table.name] = [str(tuple(r)) for r in c.execute(select(table).order_by(*table.primary_key.columns))]
"""


def contents(folder: Path, **extra: str) -> dict[str, Any]:
    """Counts and checksums of every table of both stores, as the engine sees them."""
    found: dict[str, Any] = in_house(folder, SUMS, **extra)
    return found
