"""Every .sql file: its head tells the truth, it runs on the real engine, and the cluster's form is right."""

import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from tandem.app import SLICES
from tandem.base.warehouse import Warehouse, for_layout, migrate
from tandem.metrics.catalogue import DIMENSIONS, METRICS
from tandem.metrics.catalogue import VIEWS as CATALOGUE
from tandem.metrics.metric import PublishedView, Ratio
from tests.conftest import ROOT

QUESTIONS = sorted((ROOT / "src" / "tandem").glob("*/sql/*.sql"))
STEPS = [step for s in SLICES for step in s.schema()]
VALUES = {
    "UInt32": 1, "UInt64": 1, "String": "x", "Date": "2026-11-10", "Array(UInt32)": [1], "Array(UInt64)": [1, 2],
    "Array(String)": ["x"],
    "DateTime64(3, 'UTC')": "2026-11-10 12:00:00.000", "Array(Tuple(UInt32, String, String))": [(1, "event", "it's")],
    "UInt8": 1, "Float64": 0.9, "Identifier": "channel", "Decimal(18, 4)": "1.5",
    "Array(Tuple(String, String, Array(String)))": [("channel", "is", ["x"])],
}  # fmt: skip


def head(path: Path) -> dict[str, str]:
    found = re.findall(r"^-- (answers|grain|reads): (.+)$", path.read_text(), re.M)
    return dict(found)


VIEWS = {
    "facts": ("conversion_facts", "outside_facts"),
    "measured": tuple(dict.fromkeys(view.begins_with or view.id for view in CATALOGUE.values())),
}
"""Parameters that name a view, and which views they may name."""


def bound(text: str, turn: int = 0) -> dict[str, Any]:
    """Some value for each parameter; times as the engine writes them. `turn` chooses among views that may be named."""
    from datetime import UTC, datetime

    found = {}
    for name, kind in re.findall(r"\{(\w+):((?:[^{}])+)\}", text):
        views = VIEWS.get(name, ())
        value = "Europe/Warsaw" if name == "zone" else views[turn % len(views)] if views else VALUES[kind]
        if f"cast({{{name}:String}}, 'Array(UInt64)')" in text:
            value = "[1, 2]"
        found[name] = datetime.fromisoformat(value).replace(tzinfo=UTC) if kind.startswith("DateTime") else value
    return found


def statement(path: Path) -> str:
    return "\n".join(line for line in path.read_text().splitlines() if not line.startswith("--"))


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda p: f"{p.parts[-3]}/{p.stem}")
def test_a_question_says_what_it_answers_and_reads(path: Path) -> None:
    assert set(head(path)) == {"answers", "grain", "reads"}
    assert head(path)["answers"].rstrip(".").endswith("?") or "?" in head(path)["answers"]


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda p: f"{p.parts[-3]}/{p.stem}")
def test_a_question_reads_exactly_what_it_says(shared_warehouse: Warehouse, path: Path) -> None:
    text = statement(path)
    if re.match(r"\s*(alter|delete|optimize)\b", text, re.I):
        pytest.skip("no question: it changes rows in place")
    tables = set[str]()
    for turn in range(max((len(views) for name, views in VIEWS.items() if f"{{{name}:" in text), default=1)):
        plan = shared_warehouse.ask("explain query tree " + _selecting(text), bound(text, turn)).rows
        tables |= set(re.findall(r"table_name: default\.(\w+)", "\n".join(r[0] for r in plan)))
    assert sorted(tables) == sorted(n.strip() for n in head(path)["reads"].split(","))


READS_TABLES_OF_OTHERS = {"maintenance": "it erases, exports and checks the rows themselves, whosever they are"}
"""Slices that may read what others do not publish, and why."""


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda p: f"{p.parts[-3]}/{p.stem}")
def test_a_question_reads_tables_of_its_own_slice_and_published_views(path: Path) -> None:
    reader = path.parts[-3]
    reads = {name.strip() for name in head(path)["reads"].split(",")}
    open_to_it = {view for s in SLICES for view in s.publishes} | {
        table for s in SLICES for table in s.owns if s.name == reader or reader in READS_TABLES_OF_OTHERS
    }
    assert reads <= open_to_it, f"{reader} reads tables that are not its own: publish a view of them"


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda p: f"{p.parts[-3]}/{p.stem}")
def test_a_question_runs_on_the_engine(shared_warehouse: Warehouse, path: Path) -> None:
    text = statement(path)
    if re.match(r"\s*(alter|delete|optimize)\b", text, re.I):
        pytest.skip("no question: it changes rows in place")
    shared_warehouse.ask(_selecting(text), bound(text))


def _selecting(text: str) -> str:
    return (
        re.sub(r"\s*insert into \w+\s*(\([^)]*\))?", "", text, count=1, flags=re.I) if "insert into" in text else text
    )


def test_no_view_goes_in_circles_and_slices_publish_what_they_make() -> None:
    graph: dict[str, set[str]] = {}
    made = set()
    for step in STEPS:
        for text in step.statements:
            if found := re.search(r"create or replace view (\w+)", text):
                made.add(found[1])
                graph[found[1]] = set(re.findall(r"(?<!array )\b(?:from|join)\s+(\w+)", text, re.I))
    assert list(TopologicalSorter(graph).static_order())
    assert made == {name for s in SLICES for name in s.publishes}


def test_metrics_and_dimensions_name_views_that_are_declared_and_published() -> None:
    named = {metric.view for metric in METRICS.values() if not isinstance(metric, Ratio)}
    assert named | {dimension.home for dimension in DIMENSIONS.values()} == set(CATALOGUE)
    assert set(CATALOGUE) <= {name for s in SLICES for name in s.publishes}


@pytest.mark.parametrize("view", CATALOGUE.values(), ids=lambda view: view.id)
def test_a_view_has_the_columns_of_what_it_declares(shared_warehouse: Warehouse, view: PublishedView) -> None:
    columns = {row[0] for row in shared_warehouse.ask(f"describe table {view.id}").rows}
    assert columns >= {"site", "at"}
    assert not view.is_of_visits or columns >= {"visit", "bot"}
    assert not view.is_of_visits or view.is_whole or "visit_started" in columns
    assert not view.is_of_goals or "goal" in columns
    assert not view.begins_with or view.begins_with in CATALOGUE


def test_migrating_twice_does_nothing(shared_warehouse: Warehouse) -> None:
    assert migrate(shared_warehouse, STEPS) == []
    shared_warehouse.do("truncate table schema_steps")  # as after a crash before the note was written
    assert len(migrate(shared_warehouse, STEPS)) == len(STEPS)


# ── the cluster's form ──

STATEMENTS = [(f"{s.owner}/{s.number:03d}", text) for s in STEPS for text in s.statements]


@pytest.mark.parametrize(("name", "text"), STATEMENTS, ids=[re.sub(r"\s+", " ", t)[:45] for _, t in STATEMENTS])
def test_a_statement_has_its_form_on_a_cluster(name: str, text: str) -> None:
    assert for_layout(text, "") == [text]
    forms = for_layout(text, "big")
    assert all("on cluster 'big'" in form for form in forms)
    is_sharded = "shard by" in text
    if text.startswith("create table"):
        table = re.findall(r"exists (\w+)", text)[0]
        shards = "{shard}" if is_sharded else "all"
        assert re.search(
            rf"engine = Replicated\w*MergeTree\('/clickhouse/tables/{shards}/{{database}}/{table}', '{{replica}}'",
            forms[0],
        )
        assert "non_replicated" not in forms[0]
        assert not re.search(r"settings\s*$", forms[0])
    if text.startswith("alter table") and "/* whole */" not in text:  # new columns stand in both, settings in one
        assert len(forms) == (2 if "add column" in text else 1)
    if "ReplacingMergeTree(" in text:
        inside = re.findall(r"ReplacingMergeTree\(([^)]*)\)", text)[0]
        assert f"'{{replica}}', {inside})" in forms[0]
    if is_sharded:
        assert len(forms) == (3 if text.startswith("create or replace view") else 2)
        local = re.findall(r"(?:exists|view) (\w+)", forms[0])[0]
        assert local.endswith("_local")
        key = re.findall(r"shard by (.+?) \*/", text)[0]
        assert f"engine = Distributed('big', currentDatabase(), '{local}', {key})" in forms[-1]
        name = local.removesuffix("_local")
        assert re.match(rf"create table if not exists {name} on cluster 'big' as {local}", forms[-1])
        if len(forms) == 3:  # a Distributed table keeps the columns it was made with
            assert forms[1] == f"drop table if exists {name} on cluster 'big' sync"
    if text.startswith("create or replace view"):
        sources = set(re.findall(r"(?<!array )\b(?:from|join) (\w+)", forms[0], re.I)) - {"select"}
        assert all(name.endswith("_local") == is_sharded for name in sources), sources
        if not is_sharded:  # the same on every node; views of shards find it by its twin
            name = re.findall(r"view (\w+)", text)[0]
            assert forms[1] == f"create or replace view {name}_local on cluster 'big' as select * from {name}"
        columns = lambda form: re.sub(r"\s+", " ", re.split(r"\sfrom\s", form[form.index("select") :], flags=re.I)[0])  # noqa: E731
        assert columns(forms[0]) == columns(text)


def test_a_cluster_form_runs_as_views_on_one_node(shared_warehouse: Warehouse) -> None:
    """The local views, with `on cluster` taken away, are views that the engine takes."""
    shared_warehouse.do("create database if not exists local_form")
    for _, text in STATEMENTS:
        if (made := re.match(r"create table if not exists (\w+)", text)) and "shard by" in text:
            shared_warehouse.do(f"create table if not exists local_form.{made[1]}_local as default.{made[1]}")
    for _, text in STATEMENTS:
        for form in for_layout(text, "big") if text.startswith("create or replace view") else ():
            if form.startswith("create or replace view"):
                form = re.sub(r"view (\w+) on cluster 'big'", r"view local_form.\1", form, count=1)
                shared_warehouse.do(re.sub(r"\b(from|join) (\w+_local)", r"\1 local_form.\2", form))
    assert shared_warehouse.value("select count() from local_form.pageviews_local") == 0
    shared_warehouse.do("drop database local_form")
