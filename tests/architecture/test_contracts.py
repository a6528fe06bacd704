"""The import contracts hold, and each of them fails when it is broken on purpose."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
INSIDE = "Inside a slice"
NO_IO = "no input or output"
SOURCES = "A source stores nothing"
SQL = "SQLAlchemy stays"
BREACHES: dict[str, tuple[str, str, str]] = {
    "a slice imports a slice": ("board.queries", "tandem.collect.store", "Floors"),
    "the floor imports a slice": ("metrics.period", "tandem.board.model", "Floors"),
    "base imports accounts": ("base.clock", "tandem.accounts.model", "Floors"),
    "the reader of files imports what stands above": ("imports.text", "tandem.rates.model", "Floors"),
    "accounts imports metrics": ("accounts.model", "tandem.metrics.metric", "Floors"),
    "a slice imports the app": ("collect.routes", "tandem.app", "Floors"),
    "a store imports routes": ("changes.store", "tandem.changes.routes", INSIDE),
    "a command imports routes": ("changes.commands", "tandem.changes.routes", INSIDE),
    "a model imports its store": ("collect.model.goal", "tandem.collect.store", INSIDE),
    "the model of accounts imports their store": ("accounts.model", "tandem.accounts.store", INSIDE),
    "a question imports who may ask": ("core.query", "tandem.core.auth", "Inside core"),
    "the catalogue asks": ("metrics.catalogue.ads", "tandem.metrics.ask", "Inside metrics"),
    "a verdict reads history": ("metrics.verdict", "tandem.metrics.history", "Inside metrics"),
    "a problem reads a table": ("imports.problem", "tandem.imports.tables", "Inside imports"),
    "a backup asks the doctor": ("maintenance.backup", "tandem.maintenance.doctor", "Inside maintenance"),
    "the truth reads the seed": ("demo.truth", "tandem.demo.seed", "Inside demo"),
    "the store knows pages": ("base.warehouse", "tandem.base.pages", "Inside base"),
    "a model opens a store": ("calls.model.call", "tandem.base.warehouse", NO_IO),
    "a model asks a website": ("crm.model.deal", "httpx", NO_IO),
    "a model starts a program": ("crm.model.mapping", "subprocess", NO_IO),
    "a model opens a socket": ("calls.model.pool", "socket", NO_IO),
    "a model of ads reads rates": ("ads.model", "tandem.rates.store", NO_IO),
    "a model of deals reads people": ("crm.model.choices", "tandem.people.store", NO_IO),
    "a model of differences reads findings": ("reconcile.model.compare", "tandem.findings.store", NO_IO),
    "a model of calls reads connections": ("calls.model.delay", "tandem.connections.store", NO_IO),
    "a model of the board asks": ("board.model", "tandem.metrics.ask", NO_IO),
    "a model reads a file": ("collect.model.rules", "pathlib", NO_IO),
    "a model opens a record store": ("people.model.proof", "sqlite3", NO_IO),
    "a source reads its store": ("calls.sources.common", "tandem.calls.store", INSIDE),
    "a source reads the store of another slice": ("crm.sources.api", "tandem.people.store", SOURCES),
    "a source asks the event store": ("ads.sources.api", "tandem.base.warehouse", SOURCES),
    "a page asks the record store itself": ("ads.routes", "sqlalchemy", SQL),
    "a room above a store asks the record store itself": ("collect.rebuild", "sqlalchemy", SQL),
    "the floor asks the record store itself": ("core.first_steps", "sqlalchemy", SQL),
    "the doctor asks the record store itself": ("maintenance.doctor.intake", "sqlalchemy", SQL),
    "a slice speaks to the event store itself": ("collect.store.events", "clickhouse_connect", "Only base.warehouse"),
    "spans of metrics read accounts": ("metrics.spans", "tandem.accounts.store", "Metrics know"),
    "the reader of spreadsheets asks the record store": ("imports.tables", "sqlalchemy", "a stranger's file"),
    "the child that opens files speaks to others": ("imports.child", "socket", "a stranger's file"),
}
"""What is broken: the module that breaks it, what it imports, and the contract that says no."""


def path_of(source: Path, module: str) -> Path:
    path = source / "tandem" / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def linted(source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    env = {**os.environ, "PYTHONPATH": str(source), "COLUMNS": "200"}
    command = [str(program), "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each broken contract says of a copy with all breaches in it, and a room and a package nobody declared."""
    folder = tmp_path_factory.mktemp("contracts")
    source = folder / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__", "static", "*.json"))
    for module, imported, _contract in BREACHES.values():
        with path_of(source, module).open("a") as file:
            file.write(f"\nimport {imported} as _breach\n")
    for name in ("ads/attic.py", "metrics/attic.py", "attic/__init__.py"):
        (source / "tandem" / name).parent.mkdir(exist_ok=True)
        (source / "tandem" / name).touch()
    done = linted(source, folder)
    assert done.returncode == 1, done.stdout + done.stderr
    _, *parts = re.split(r"\n(.+)\n-{3,}\n", done.stdout.partition("Broken contracts")[2])
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.process
def test_the_house_keeps_its_contracts(tmp_path: Path) -> None:
    done = linted(ROOT / "src", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.process
@pytest.mark.parametrize("breach", BREACHES)
def test_a_contract_fails_when_it_is_broken(verdicts: dict[str, str], breach: str) -> None:
    module, imported, contract = BREACHES[breach]
    (said,) = (text for name, text in verdicts.items() if contract in name)
    assert re.search(rf"^-? *tandem\.{re.escape(module)} -> {re.escape(imported)} \(", said, re.MULTILINE), said


@pytest.mark.process
def test_each_contract_is_broken_by_some_breach(verdicts: dict[str, str]) -> None:
    assert set(verdicts) == {contract["name"] for contract in CONTRACTS}
    for contract in CONTRACTS:
        assert any(said in contract["name"] for _, _, said in BREACHES.values()), contract["name"]


@pytest.mark.process
@pytest.mark.parametrize(
    ("contract", "module"), [("Floors", "attic"), (INSIDE, "ads.attic"), ("Inside metrics", "metrics.attic")]
)
def test_a_module_that_no_layer_names_is_found(verdicts: dict[str, str], contract: str, module: str) -> None:
    (said,) = (text for name, text in verdicts.items() if contract in name)
    assert f"- tandem.{module}\n" in said


def uncovered(source: Path) -> set[str]:
    """The packages whose inside no contract knows."""
    known = {name for contract in CONTRACTS if contract["name"].startswith("Inside") for name in contract["containers"]}
    return {f"tandem.{path.parent.name}" for path in source.glob("tandem/*/__init__.py")} - known


def test_the_inside_of_each_package_has_a_contract(tmp_path: Path) -> None:
    assert uncovered(ROOT / "src") == set()
    (tmp_path / "tandem" / "attic").mkdir(parents=True)
    (tmp_path / "tandem" / "attic" / "__init__.py").touch()
    assert uncovered(tmp_path) == {"tandem.attic"}


def test_every_layer_is_checked_for_rooms_it_does_not_name() -> None:
    assert all(contract["exhaustive"] for contract in CONTRACTS if contract["type"] == "layers")


def test_whoever_opens_files_is_each_module_without_a_store() -> None:
    (readers,) = (c["source_modules"] for c in CONTRACTS if "stranger's file" in c["name"])
    modules = {path.stem for path in (ROOT / "src/tandem/imports").glob("[!_]*.py")}
    assert {name.rpartition(".")[2] for name in readers} == modules - {"acts", "uploads", "stretch", "problem"}


@pytest.mark.process
def test_nobody_but_the_floor_opens_addresses() -> None:
    command = [
        Path(sys.executable).with_name("ruff"),
        "check",
        "--no-cache",
        "--stdin-filename",
        "src/tandem/ads/x.py",
        "-",
    ]
    for line in ("import urllib.request", "from urllib.request import urlopen", "from urllib import request"):
        done = subprocess.run(command, input=line + "\n", cwd=ROOT, capture_output=True, text=True)
        assert "TID251" in done.stdout, line
