"""What is written is there: each handler is a route of the app, and each file of commands is in the command line."""

import ast
import importlib
from pathlib import Path

import pytest
import typer

from tandem import cli
from tests.conftest import ROOT
from tests.routes import HANDLERS

SOURCE = ROOT / "src" / "tandem"
MAKERS = {"get_page", "get_part", "post_form", "get", "post", "put", "patch", "delete", "head", "route", "websocket"}
"""Decorators that make a function a handler."""


def handlers_in(text: str) -> list[str]:
    """The functions of a module that are handlers."""
    return [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(isinstance(d, ast.Call) and isinstance(d.func, ast.Name) and d.func.id in MAKERS
                for d in node.decorator_list)
    ]  # fmt: skip


def written(source: Path) -> set[tuple[str, str]]:
    """Module and name of each handler."""
    return {
        (".".join(("tandem", *path.relative_to(source).with_suffix("").parts)).removesuffix(".__init__"), name)
        for path in source.rglob("*.py")
        for name in handlers_in(path.read_text())
    }


def test_each_handler_is_a_route_of_the_app() -> None:
    """One that was left out of ROUTES was typed, linted and translated, and answered 404."""
    mounted = {(handler.fn.__module__, handler.fn.__name__) for handler in HANDLERS}
    assert written(SOURCE) == mounted


@pytest.mark.parametrize(
    "maker", ["get_page('/x', 'X', may='y')", "get_part('/x')", "post_form('/x')", "get('/api/x')"]
)
def test_a_handler_is_told_by_its_decorator(maker: str) -> None:
    assert handlers_in(f"@cache\n@{maker}\ndef page(ctx): ...\n\n\n@cache\ndef other(): ...\n") == ["page"]


def test_each_file_of_commands_is_in_the_command_line() -> None:
    modules = [importlib.import_module(f"tandem.{path.parent.name}.commands") for path in SOURCE.glob("*/commands.py")]
    apps = {module.__name__: module.APP for module in modules if module.__name__ != "tandem.core.commands"}
    assert all(isinstance(app, typer.Typer) for app in apps.values())
    in_there = [group.typer_instance for group in cli.app.registered_groups]
    assert [name for name, app in apps.items() if app not in in_there] == []
