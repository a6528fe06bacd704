"""Which rooms of a slice may ask the event store: imports cannot tell, because everybody is handed it."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCE = ROOT / "src" / "tandem"
ROOMS = {"queries", "store"}
"""Rooms that ask, as files or folders: the same in every package."""
OTHERS = {
    "base": {"respelling", "warehouse"},
    "metrics": {"ask", "history"},
    "demo": {"money"},
    "maintenance": {"backup", "cut_off", "doctor", "erase", "export", "facts"},
}
"""Rooms that ask in packages that are no slices: the store itself, the catalogue, and what goes through all of it."""
FREE = {"close", "is_up"}
"""What every room may do with the event store itself; else it hands it on to a room that asks."""
STORE = ({"warehouse", "_warehouse", "Warehouse"}, {"Warehouse"})
"""Names that hold the event store or give it, and the types that say so."""
OF_RUNNER = {"look_up", "rows"}
"""What a runner passes on to the event store as it was handed in."""
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
            or (name_of(node.value) in runners and node.attr in OF_RUNNER)
        )
    )


def askers(source: Path) -> dict[tuple[str, str], list[str]]:
    """Where the event store is asked, by package and room: the file or folder of the package, or its own name."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted(source.glob("**/*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        for line in asked_in(path.read_text()):
            found.setdefault((parts[0], parts[min(1, len(parts) - 1)]), []).append(f"{path.relative_to(source)}:{line}")
    return found


def breaches(asked: dict[tuple[str, str], list[str]]) -> list[str]:
    """Where it is asked in rooms that may not."""
    return [
        place for (package, room), places in asked.items() if room not in ROOMS | OTHERS.get(package, set())
        for place in places
    ]  # fmt: skip


def test_the_event_store_is_asked_in_stores_and_queries_only() -> None:
    asked = askers(SOURCE)
    assert breaches(asked) == []
    assert {("calls", "store"), ("crm", "queries")} < asked.keys(), "it looks at the right calls"
    left_over = {(package, room) for package, rooms in OTHERS.items() for room in rooms} - asked.keys()
    assert not left_over, "these need no exception any more"


BROKEN = ("ads/hints.py", "calls/timeline.py", "calls/model/tags.py", "core/context.py", "metrics/parts.py", "app.py")


@pytest.mark.parametrize("module", BROKEN)
def test_a_room_that_asks_and_may_not_is_found(tmp_path: Path, module: str) -> None:
    for path in (module, "ads/store/imports.py", "ads/queries.py", "base/warehouse.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("def asked(ctx):\n    ctx.warehouse.ask('select 1')\n")
    assert breaches(askers(tmp_path)) == [f"{module}:2"]


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
        "ctx.runner.rows('select 1', Row)",
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
