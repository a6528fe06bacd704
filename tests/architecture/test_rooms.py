"""Which rooms of a slice may ask the event store: imports cannot tell, because everybody is handed it."""

import ast
from pathlib import Path

from tests.conftest import ROOT

SOURCE = ROOT / "src" / "tandem"
ASKS = {"arrays", "ask", "do", "insert", "insert_lines", "rows", "value"}
ROOMS = {"hints", "queries", "store", "tags", "timeline"}
"""Rooms of a slice that ask, as files or folders."""
OUTSIDE = {"base", "demo", "maintenance", "metrics"}
"""Packages that are no slices: the store itself, what goes through all of it, and the catalogue's questions."""


def asked_in(text: str) -> list[int]:
    """The lines in which the event store is asked."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [
        call.lineno
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in ASKS
        and getattr(call.func.value, "attr", getattr(call.func.value, "id", "")) in ("warehouse", "_warehouse")
    ]


def room_of(path: Path) -> str:
    """The file or folder of a slice that a module lies in."""
    return path.relative_to(SOURCE).parts[1].removesuffix(".py")


def test_the_event_store_is_asked_in_stores_and_queries_only() -> None:
    files = [path for path in SOURCE.glob("*/**/*.py") if path.relative_to(SOURCE).parts[0] not in OUTSIDE]
    found = [f"{path.relative_to(SOURCE)}:{line}" for path in files for line in asked_in(path.read_text())
             if room_of(path) not in ROOMS]  # fmt: skip
    assert found == []
    assert any(asked_in(path.read_text()) for path in files), "it looks at the right calls"


def test_a_page_that_asks_by_itself_is_found() -> None:
    assert asked_in("def page(ctx):\n    return ctx.warehouse.ask('select 1')\n") == [2]
    assert room_of(SOURCE / "ads" / "routes.py") == "routes"
