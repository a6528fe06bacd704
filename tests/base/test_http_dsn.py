"""The event store by `clickhouse://…`: the official client over HTTP, against a small server on chDB."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tandem.accounts.model import Site
from tandem.app import SLICES
from tandem.base.errors import UserError
from tandem.base.warehouse import Warehouse, migrate
from tandem.collect import store
from tandem.collect.loader import Loader
from tandem.collect.model.goal import Goal
from tandem.core.query import Filter, Question
from tandem.metrics.ask import CachedRunner
from tests.collect.conftest import NOON, told, visits_by_loops, visits_in
from tests.conftest import ROOT, free_port

LONGEST_ADDRESS = 8_000  # what nginx and other proxies take
SITE = Site(
    id=7,
    workspace_id=1,
    key="x",
    name="x",
    hosts=("shop.example",),
    zone="UTC",
    currency="EUR",
    mode="cookie",
    keep_days=9000,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    log = folder / "requests.jsonl"
    command = [sys.executable, "-m", "tests.base.clickhouse_server", str(folder / "events"), str(port), str(log)]
    process = subprocess.Popen(command, cwd=ROOT)
    warehouse = Warehouse(f"clickhouse://default:@127.0.0.1:{port}/default")
    until = time.monotonic() + 60
    while not warehouse.is_up():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    migrate(warehouse, [step for s in SLICES for step in s.schema()])
    yield SimpleNamespace(warehouse=warehouse, log=log)
    warehouse.close()
    process.kill()
    process.wait()


def test_migrating_again_does_nothing(server: Any) -> None:
    assert migrate(server.warehouse, [step for s in SLICES for step in s.schema()]) == []


def test_a_block_with_the_same_token_is_kept_once(server: Any) -> None:
    row = {"site": [1], "on": [NOON.date()], "outcome": ["stored"], "count": [3], "batch": ["b"]}
    for _ in range(3):
        server.warehouse.insert("reception", row, token="again")
    assert server.warehouse.value("select sum(count) from reception where site = 1") == 3


@pytest.mark.parametrize(
    "text", ["plain", "it's", "a\\b", "tab\tline\nend", "ż 🌱", "", "{site:UInt32}", "%s", "\x00", "[1,2]", "',("]
)
def test_bound_values_arrive_as_they_are(server: Any, shared_warehouse: Warehouse, text: str) -> None:
    for warehouse in (server.warehouse, shared_warehouse):
        sql = "select {a:String}, {b:Array(String)}, {c:Array(Tuple(UInt32, String, String))}"
        found = warehouse.ask(sql, {"a": text, "b": [text, text], "c": [(1, text, "x")]}).rows[0]
        assert (found[0], list(found[1]), [tuple(t) for t in found[2]]) == (text, [text, text], [(1, text, "x")]), (
            warehouse.dsn
        )


def test_a_moment_is_bound_to_the_millisecond(server: Any) -> None:
    at = datetime(2026, 3, 29, 1, 30, 0, 123000, tzinfo=UTC)
    found = server.warehouse.value("select {at:DateTime64(3, 'UTC')}", at=at)
    assert found.replace(tzinfo=UTC) == at


def test_hits_become_visits_and_figures(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    goals = [
        Goal(id=1, site_id=7, name="It's", kind="page", match="/it's_%25/*"),
        Goal(id=2, site_id=7, name="P", kind="event", match="purchase"),
    ]
    monkeypatch.setattr("tandem.collect.loader.all_sites", lambda db: [SITE])
    monkeypatch.setattr("tandem.collect.store.goals_of", lambda db, site: goals)
    monkeypatch.setattr("tandem.collect.store.last_erasure", lambda db: "")
    records = [
        told(7, 1, NOON, query="utm_source=letter&utm_medium=email"),
        told(7, 1, NOON + timedelta(minutes=1), path="/it's_%25/x"),
        told(7, 2**64 - 1, NOON, "event", name="purchase", amount="12.3400", before=5),
        told(7, 1, NOON + timedelta(minutes=50), marks=["retried"]),
    ]
    loader = Loader(server.warehouse, None, Path("nowhere"))  # type: ignore[arg-type]
    for i, record in enumerate(records):
        loader.load([record], f"http-{i}")
    loader.load(records[:2], "http-again")
    assert visits_in(server.warehouse, 7) == visits_by_loops(records, SITE, goals)
    runner = CachedRunner(server.warehouse, main_goals=lambda site: (1, 2))
    question = Question(
        site=7,
        zone="Europe/Warsaw",
        metrics=("collect.visits", "collect.conversions"),
        since=NOON - timedelta(days=1),
        until=NOON + timedelta(days=1),
        by=("channel",),
        where=(Filter("channel", "is_not", ("it's|", "x")),),
    )
    assert {r.key: tuple(r.metrics.values()) for r in runner.ask(question).rows} == {
        ("Email",): (1, 1),
        ("Direct",): (1, 0),
        ("No visit",): (0, 1),
    }
    runner.close()


def test_thousands_of_ids_do_not_make_an_address_that_proxies_refuse(server: Any) -> None:
    many = [2**63 + i for i in range(60_000)]
    goals = [Goal(id=i, site_id=7, name=str(i), kind="page", match="/" + "x" * 290) for i in range(60)]
    near = store.mark_stale(server.warehouse, {1: NOON})
    assert store.stored_already(server.warehouse, SITE, near, (NOON, NOON), many) is not None
    assert store.active_spans(server.warehouse, SITE, many, 0) is not None
    store.derive_visits(server.warehouse, SITE, near, {1: NOON}, goals)
    longest = max((json.loads(line) for line in server.log.read_text().splitlines()), key=lambda r: r["address"])
    assert longest["address"] < LONGEST_ADDRESS, longest


def test_a_server_that_does_not_answer_is_told_with_a_cure() -> None:
    warehouse = Warehouse("clickhouse://default:@127.0.0.1:1/default")
    assert not warehouse.is_up()
    with pytest.raises(UserError, match=r"does not respond.*TANDEM_EVENTS"):
        warehouse.ask("select 1")
