"""Whose tables schema and inline SQL read: one's own and published views, as the .sql files do (test_sql)."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tandem.app import SLICES
from tandem.base.warehouse import Warehouse
from tests.architecture.test_sql import READS_TABLES_OF_OTHERS
from tests.conftest import ROOT

SOURCE = ROOT / "src" / "tandem"
OWNER = {table: s.name for s in SLICES for table in s.owns}
PUBLISHED = {view for s in SLICES for view in s.publishes}

# ── statements of the schema ──

STATEMENTS = [(s.name, text) for s in SLICES for step in s.schema() for text in step.statements]
MADE = re.compile(r"create (?:or replace )?(?:table|view|dictionary) (?:if not exists )?(\w+)", re.I)
VIEW = re.compile(r"create or replace view \w+.*?\bas\b", re.I | re.S)
BESIDES = re.compile(r"""\bdict(?:Get|Has)\w*\(\s*'(\w+)'|clickhouse\([^)]*\btable '?(\w+)""", re.I)
"""What no query tree names: the dictionary that a function asks, and the table that a dictionary is filled from."""


def strangers(warehouse: Warehouse, owner: str, text: str) -> set[str]:
    """What a statement reads that is neither its owner's nor published."""
    reads = {name for names in BESIDES.findall(text) for name in names if name}
    if match := VIEW.match(text):
        plan = warehouse.ask("explain query tree " + text[match.end() :]).rows
        reads |= set(re.findall(r"table_name: default\.(\w+)", "\n".join(row[0] for row in plan)))
    own = {name for whose, made in STATEMENTS if whose == owner for name in MADE.findall(made)}
    return reads - own - PUBLISHED


@pytest.mark.parametrize(("owner", "text"), STATEMENTS, ids=[f"{o}: {' '.join(t.split())[:50]}" for o, t in STATEMENTS])
def test_a_statement_of_the_schema_reads_what_is_its_owners_or_published(
    shared_warehouse: Warehouse, owner: str, text: str
) -> None:
    assert strangers(shared_warehouse, owner, text) == set(), f"{owner} reads tables of others: publish a view of them"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("create or replace view odd as select site from visit_rows", "visit_rows"),
        (
            "create or replace view odd as\nwith a as (select 1 as site from visits) select 1 from a, deal_rows",
            "deal_rows",
        ),
        ("create or replace view odd as select 1 where 1 in (select site from call_rows)", "call_rows"),
        ("create or replace function odd as (n) -> dictGet('person_map', 'person', n)", "person_map"),
        ("create dictionary if not exists odd (n UInt64) source(clickhouse(table 'visit_rows'))", "visit_rows"),
    ],
)
def test_a_view_of_anothers_table_is_found(shared_warehouse: Warehouse, text: str, read: str) -> None:
    assert strangers(shared_warehouse, "ads", text) == {read}


# ── statements in Python ──

NAMED = re.compile(
    r"\b(?:from|join|into|update|describe|table|dictionary)\s+(?:if (?:not )?exists\s+)?(\w+)|\bin\s+\(?(\w+)\)", re.I
)


def named_in(text: str, tables: Mapping[str, str] = OWNER) -> list[tuple[int, str]]:
    """Line and name of each table that a statement in a Python module names, or a string that is nothing else.

    Some tables are called by words of everyday ("events"): alone, as no part of a statement, these may mean anything.
    """
    if not any(table in text for table in tables):
        return []
    tree = ast.parse(text)
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inserted = {id(n.args[0]) for n in ast.walk(tree) if isinstance(n, ast.Call) and _is_insert(n)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            names = {name for pair in NAMED.findall(node.value) for name in pair}
            if id(node) in inserted or "_" in node.value:
                names.add(node.value)
            found |= {(node.lineno, name) for name in names if name in tables}
    return sorted(found)


def _is_insert(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "insert" and bool(call.args)


def trespassers(source: Path) -> dict[str, list[str]]:
    """By package, where a module names a table that is another slice's and not published."""
    found: dict[str, list[str]] = {}
    for path in sorted(source.rglob("*.py")):
        place = path.relative_to(source)
        package = place.with_suffix("").parts[0]
        for line, name in named_in(path.read_text()):
            if OWNER[name] != package and name not in PUBLISHED:
                found.setdefault(package, []).append(f"{place}:{line} names {name} of {OWNER[name]}")
    return found


def test_no_module_names_a_table_of_another_slice() -> None:
    found = trespassers(SOURCE)
    assert set(READS_TABLES_OF_OTHERS) <= set(found), "it looks at the right strings, and each exception is needed"
    assert {package: places for package, places in found.items() if package not in READS_TABLES_OF_OTHERS} == {}


@pytest.mark.parametrize(
    ("line", "table"),
    [
        ("warehouse.ask('select count() from events where site = 1')", "events"),
        ("warehouse.ask(f'select 1 from visits any left join visit_rows on {a} = b')", "visit_rows"),
        ("warehouse.do(f'alter table deal_rows{on} delete where 1')", "deal_rows"),
        ("warehouse.do('optimize table call_rows final')", "call_rows"),
        ("warehouse.value('exists table reception')", "reception"),
        ("warehouse.insert('events', columns)", "events"),
        ("table = 'visit_rows'", "visit_rows"),
        ("warehouse.ask('select 1 where x in (origins)')", "origins"),
    ],
)
def test_a_module_that_names_anothers_table_is_found(tmp_path: Path, line: str, table: str) -> None:
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "queries.py").write_text(f'"""Of visit_rows."""\n{line}\n')
    assert trespassers(tmp_path) == {"board": [f"board/queries.py:2 names {table} of {OWNER[table]}"]}


@pytest.mark.parametrize(
    "line", ["'events'", "'The server sends no events.'", "ask('select 1 from visits')", "f(visit_rows)"]
)
def test_a_module_that_speaks_of_something_else_is_not(tmp_path: Path, line: str) -> None:
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "queries.py").write_text(f"text = {line}\n")
    assert trespassers(tmp_path) == {}
