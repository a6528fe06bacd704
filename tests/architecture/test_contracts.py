"""The import contracts hold, and each of them fails when it is broken on purpose."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

BREACHES: dict[str, tuple[str, str, str]] = {
    "a slice imports a slice": ("board/queries.py", "from tandem.collect import store as _s", "Floors"),
    "the floor imports a slice": ("metrics/period.py", "from tandem.board import model as _m", "Floors"),
    "base imports accounts": ("base/clock.py", "from tandem.accounts import model as _m", "Floors"),
    "the reader of files imports what stands above": (
        "imports/text.py",
        "from tandem.rates import model as _m",
        "Floors",
    ),
    "accounts imports metrics": ("accounts/model.py", "from tandem.metrics import metric as _m", "Floors"),
    "a slice imports the app": ("collect/routes.py", "import tandem.app as _a", "Floors"),
    "a store imports routes": ("changes/store.py", "from tandem.changes import routes as _r", "Inside a slice"),
    "a command imports routes": ("changes/commands.py", "from tandem.changes import routes as _r", "Inside a slice"),
    "a model imports a store": ("collect/model/goal.py", "from tandem.collect import store as _s", "Inside a slice"),
    "a model opens a store": ("calls/model/call.py", "from tandem.base import warehouse as _w", "no input or output"),
    "a model asks a website": ("crm/model/deal.py", "import httpx as _h", "no input or output"),
    "a page asks the record store itself": ("ads/routes.py", "import sqlalchemy as _q", "SQLAlchemy stays"),
    "a room above a store asks the record store itself": (
        "collect/rebuild.py",
        "from sqlalchemy import select as _s",
        "SQLAlchemy stays",
    ),
    "the floor asks the record store itself": (
        "core/first_steps.py",
        "from sqlalchemy.exc import IntegrityError as _e",
        "SQLAlchemy stays",
    ),
    "the doctor asks the record store itself": (
        "maintenance/doctor/intake.py",
        "import sqlalchemy as _q",
        "SQLAlchemy stays",
    ),
    "a slice speaks to the event store itself": (
        "collect/store/events.py",
        "import clickhouse_connect as _c",
        "event store",
    ),
}


def linted(source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    env = {**os.environ, "PYTHONPATH": str(source)}
    command = [str(program), "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("contracts")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "static", "*.json"))
    return folder


@pytest.mark.process
def test_the_house_keeps_its_contracts(tmp_path: Path) -> None:
    done = linted(ROOT / "src", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.process
@pytest.mark.parametrize("breach", BREACHES)
def test_a_contract_fails_when_it_is_broken(copied: Path, breach: str) -> None:
    name, line, contract = BREACHES[breach]
    path = copied / "src" / "tandem" / name
    kept = path.read_text()
    path.write_text(f"{kept}\n{line}\n")
    try:
        done = linted(copied / "src", copied)
    finally:
        path.write_text(kept)
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [row for row in done.stdout.splitlines() if " BROKEN" in row]
    assert any(contract in row for row in broken), done.stdout
