"""Which rooms of a slice may ask the event store: imports cannot tell, because everybody is handed it."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCE = ROOT / "src" / "tandem"
ROOMS = {"hints", "queries", "store", "tags", "timeline"}
"""Rooms of a slice that ask, as files or folders."""
OUTSIDE = {"base", "demo", "maintenance", "metrics"}
"""Packages that are no slices: the store itself, what goes through all of it, and the catalogue's questions."""
FREE = {"close", "is_up"}
"""What every room may do with the event store itself; else it hands it on to a room that asks."""
STORE = ({"warehouse", "_warehouse", "Warehouse"}, {"Warehouse"})
"""Names that hold the event store or give it, and the types that say so."""
RUNNER = ({"runner", "_runner", "QueryRunner", "CachedRunner"}, {"QueryRunner", "CachedRunner"})


def name_of(node: ast.AST | None) -> str:
    """The name that an expression ends in: `b` of `a.b`, of `"b"`, of `b(…)` and of `b[…]`."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name) | ast.Constant(value=str(name)):
            return name
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return name_of(inner)
    return ""


def bindings(tree: ast.AST) -> list[tuple[str, str, str]]:
    """Name, the name it is bound to, and its type, of each variable, parameter and function."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = [(target, node.value)]
                if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(target.elts, node.value.elts, strict=False))
                found += [(name_of(left), name_of(right), "") for left, right in pairs]
        elif isinstance(node, ast.NamedExpr):
            found.append((node.target.id, name_of(node.value), ""))
        elif isinstance(node, ast.AnnAssign):
            found.append((name_of(node.target), name_of(node.value), name_of(node.annotation)))
        elif isinstance(node, ast.arg):
            found.append((node.arg, "", name_of(node.annotation)))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append((node.name, "", name_of(node.returns)))
    return found


def holders(tree: ast.AST, names: set[str], types: set[str]) -> set[str]:
    """Every name that holds what `names` hold: by its type, or because one was set to another."""
    bound, known = bindings(tree), set(names)
    while more := {name for name, of, type_ in bound if of in known or type_ in types} - known:
        known |= more
    return known - {""}


def asked_in(text: str) -> list[int]:
    """The lines in which the event store is asked, under whatever name it goes there."""
    if "arehouse" not in text and "unner" not in text:
        return []
    tree = ast.parse(text)
    stores, runners = holders(tree, *STORE), holders(tree, *RUNNER)
    return sorted(
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and (
            (name_of(node.value) in stores and node.attr not in FREE)
            or (name_of(node.value) in runners and node.attr == "look_up")
        )
    )


def room_of(path: Path) -> str:
    """The file or folder of a slice that a module lies in."""
    return path.relative_to(SOURCE).parts[1].removesuffix(".py")


def test_the_event_store_is_asked_in_stores_and_queries_only() -> None:
    files = [path for path in SOURCE.glob("*/**/*.py") if path.relative_to(SOURCE).parts[0] not in OUTSIDE]
    found = [f"{path.relative_to(SOURCE)}:{line}" for path in files for line in asked_in(path.read_text())
             if room_of(path) not in ROOMS]  # fmt: skip
    assert found == []
    assert any(asked_in(path.read_text()) for path in files), "it looks at the right calls"


@pytest.mark.parametrize(
    "line",
    [
        "ctx.warehouse.ask('select 1')",
        "w = ctx.warehouse; w.ask('select 1')",
        "w, d = ctx.warehouse, ctx.database; w.ask('select 1')",
        "v = ctx.warehouse; w = v; w.rows('select 1', Row)",
        "self.events = ctx.warehouse; self.events.ask('select 1')",
        "(w := ctx.warehouse) and w.do('select 1')",
        "ctx.warehouse.client.query('select 1')",
        "Warehouse(dsn).ask('select 1')",
        "ask = ctx.warehouse.ask",
        "kept['w'] = ctx.warehouse; kept['w'].ask('select 1')",
        "ctx.runner.look_up('select 1', {})",
        "r = ctx.runner; r.look_up('select 1', {})",
    ],
)
def test_a_page_that_asks_by_itself_is_found(line: str) -> None:
    assert asked_in(f"def page(ctx):\n    {line}\n") == [2]


@pytest.mark.parametrize(
    "head",
    ["def page(w: Warehouse):", "def page(w: 'Warehouse'):", "def w() -> Warehouse:", "def page(w: QueryRunner):"],
)
def test_a_page_that_asks_what_it_was_handed_is_found(head: str) -> None:
    assert asked_in(f"{head}\n    w.look_up('select 1', {{}})\n") == [2]


@pytest.mark.parametrize(
    "line",
    ["store.days(ctx.warehouse, site)", "ctx.warehouse.is_up()", "ctx.runner.ask(question)", "ctx.database.ask()"],
)
def test_a_page_that_hands_the_store_on_is_not(line: str) -> None:
    assert asked_in(f"def page(ctx):\n    {line}\n") == []


def test_a_room_is_the_file_or_folder_of_a_slice() -> None:
    assert room_of(SOURCE / "ads" / "routes.py") == "routes"
    assert room_of(SOURCE / "ads" / "store" / "imports.py") == "store"
