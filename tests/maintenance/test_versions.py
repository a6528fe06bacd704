"""Stores of older versions: each released schema is kept as a small backup, restored by the current version.

At the end of an issue that changed a schema, `backups/<version>.tar` and `.json` are made by the version that is about
to be released (docs/upgrade.md says how), and `steps.json` is written anew:
`python -m tests.maintenance.test_versions`.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tandem.app import SLICES
from tandem.base.warehouse import Step, Warehouse
from tandem.maintenance.backup import all_steps, known_keys
from tandem.maintenance.doctor.finding import OK, PROBLEM, DoctorFinding
from tandem.maintenance.doctor.stores import _schema
from tests import forked
from tests.maintenance.conftest import PATIENCE_S, environment

BACKUPS = Path(__file__).parent / "backups"
VERSIONS = sorted(path.stem for path in BACKUPS.glob("*.tar"))

RESTORED = """
import json, sys
from datetime import UTC, datetime
from tandem.app import close_context, open_context
from tandem.base.config import load
from tandem.cli import main
from tandem.core.query import Question
def command(*words):
    sys.argv = ["tandem", *words]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            sys.exit(f"tandem {{words[0]}} ends with {{ended.code}}")
command("restore", "{backup}")
ctx = open_context(load())
span = {{"since": datetime(2026, 1, 1, tzinfo=UTC), "until": datetime(2027, 1, 1, tzinfo=UTC)}}
found = {{
    site.key: ctx.runner.ask(Question(site=site.id, zone=site.zone, metrics={names}, **span)).total
    for site in ctx.sites().values()
}}
close_context(ctx)
command("doctor")
print(json.dumps(found))
"""
"""In one process: each that opens the event store takes half a second for that."""
DIRECT = (
    "collect.all_visits", "collect.visits", "collect.pageviews", "collect.actions", "collect.orders", "collect.revenue",
    "collect.known_visits", "ads.cost", "ads.clicks", "ads.matched_visits", "calls.calls", "calls.talk", "crm.deals",
    "crm.leads", "crm.won", "crm.revenue",
)  # fmt: skip
"""What is counted straight from the record; figures that rest on rules may change with the rules."""


@pytest.mark.process
@pytest.mark.parametrize("version", VERSIONS)
def test_a_backup_of_an_older_version_is_restored(version: str, tmp_path: Path) -> None:
    code = RESTORED.format(backup=BACKUPS / f"{version}.tar", names=DIRECT)
    done = forked.run_code(code, environment(tmp_path / "there"), PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    *said, metrics_found = done.stdout.splitlines()
    expected, found = json.loads((BACKUPS / f"{version}.json").read_text()), json.loads(metrics_found)
    assert set(found) == set(expected)
    for site, metrics in expected.items():
        assert found[site] == {name: pytest.approx(metrics[name]) for name in DIRECT}
    assert said[-1].endswith(" 0 problems.") and "newer" not in done.stdout, done.stdout


@pytest.fixture
def schema_said(shared_warehouse: Warehouse) -> Iterator[Callable[[str, int], list[DoctorFinding]]]:
    """What the doctor says of the event schema of a store that has seen one step more."""

    def said(owner: str, number: int) -> list[DoctorFinding]:
        shared_warehouse.insert("schema_steps", {"owner": [owner], "number": [number], "name": ["test"]})
        installation: Any = SimpleNamespace(warehouse=shared_warehouse, database=None)
        return list(_schema(installation))

    yield said
    shared_warehouse.do("delete from schema_steps where name = 'test'")


@pytest.mark.parametrize("key", sorted(key for s in SLICES for key in s.retired))
def test_a_store_that_has_seen_a_retired_step_is_not_called_newer(schema_said: Any, key: str) -> None:
    owner, _, number = key.partition("/")
    assert [finding.state for finding in schema_said(owner, int(number))] == [OK]


def test_a_store_of_a_newer_version_is(schema_said: Any) -> None:
    (finding,) = schema_said("collect", 999)
    assert finding.state == PROBLEM and "newer version of Tandem (collect/999)" in finding.text


# ── the steps themselves ──


def released() -> dict[str, str]:
    found: dict[str, str] = json.loads((BACKUPS / "steps.json").read_text())
    return found


def digest(step: Step) -> str:
    """Of what a step does, whatever its comments and line ends."""
    return hashlib.sha256("\n".join(" ".join(s.split()) for s in step.statements).encode()).hexdigest()[:16]


def test_each_key_is_used_once() -> None:
    keys: list[Any] = [step.key for step in all_steps()] + [key for s in SLICES for key in s.retired]
    assert len(keys) == len(set(keys))


def test_a_released_step_stays_what_it_was_or_is_retired() -> None:
    """A store that has seen a step never sees it again: a change of it would reach new stores only."""
    now = {step.key: digest(step) for step in all_steps()}
    assert set(released()) <= known_keys()
    assert {key: now[key] for key in released() if key in now} == {k: d for k, d in released().items() if k in now}


if __name__ == "__main__":
    whole = released() | {step.key: digest(step) for step in all_steps()}
    (BACKUPS / "steps.json").write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")
