"""A model is pure: what it may import is a short list, because what can read or ask is endless."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCE = ROOT / "src" / "tandem"
STANDARD = {
    "__future__", "base64", "binascii", "bisect", "collections", "contextlib", "datetime", "decimal", "enum",
    "functools", "hashlib", "heapq", "hmac", "html.parser", "ipaddress", "itertools", "math", "re", "statistics",
    "typing", "urllib.parse", "zoneinfo",
}  # fmt: skip
LIBRARIES = {"msgspec", "numpy", "phonenumbers", "scipy", "ua_parser", "xxhash"}
OURS = {
    "tandem.accounts.model", "tandem.accounts.permissions", "tandem.base.addresses", "tandem.base.clock",
    "tandem.base.currencies", "tandem.base.errors", "tandem.base.hosts", "tandem.base.paths", "tandem.base.reach",
    "tandem.base.remembered", "tandem.base.texts", "tandem.base.words", "tandem.core.query", "tandem.findings.model",
    "tandem.imports.cells", "tandem.imports.problem", "tandem.metrics.catalogue", "tandem.metrics.metric",
    "tandem.metrics.tabs", "tandem.metrics.verdict", "tandem.people.model", "tandem.rates.model",
}  # fmt: skip
"""What models may import of the floor, with all that lies in it; and of their own package, models and rules."""
EXCEPTIONS = {
    ("collect/model/site_check.py", "resource"): "runs as a program of its own, which bounds what a page may cost it",
    ("collect/model/site_check.py", "sys"): "the same program, which is asked and answers by its standard streams",
    ("connections/model.py", "tandem.core.context.Context"): "the type of what the functions of a system are handed",
}
SPEAKS = {"open", "print", "input", "exec", "eval", "__import__"}
"""Builtins that read, write, or import what they please."""


def models(source: Path) -> list[Path]:
    return sorted({*source.glob("*/model.py"), *source.glob("*/model/**/*.py")})


def imported(tree: ast.AST) -> set[str]:
    """Everything that a module imports, wherever it does."""
    names = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names}
    return names


def may_import(package: str, name: str) -> bool:
    allowed = STANDARD | LIBRARIES | OURS | {f"tandem.{package}.model", f"tandem.{package}.rules"}
    return any(f"{name}.".startswith(f"{one}.") for one in allowed)


def impure(source: Path) -> set[tuple[str, str]]:
    """Each module of a model with what it should not import or call."""
    found = set()
    for path in models(source):
        place, tree = path.relative_to(source), ast.parse(path.read_text())
        names = {name for name in imported(tree) if not may_import(place.parts[0], name)}
        called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        found |= {(place.as_posix(), name) for name in names | (called & SPEAKS)}
    return found


def test_models_import_what_cannot_read_or_ask() -> None:
    assert len(models(SOURCE)) > 30, "it looks at the right files"
    assert impure(SOURCE) == set(EXCEPTIONS)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("import sqlite3", "sqlite3"),
        ("from pathlib import Path", "pathlib.Path"),
        ("from importlib import resources", "importlib.resources"),
        ("import urllib.request", "urllib.request"),
        ("from urllib import request", "urllib.request"),
        ("def f(): import os", "os"),
        ("from tandem.base import disk", "tandem.base.disk"),
        ("from tandem.calls.model.call import Call", "tandem.calls.model.call.Call"),
        ("from tandem.base.http import Http", "tandem.base.http.Http"),
        ("text = open('/etc/passwd').read()", "open"),
        ("from . import store", "..store"),
    ],
)
def test_a_model_that_reads_or_asks_is_found(tmp_path: Path, line: str, name: str) -> None:
    (tmp_path / "ads" / "model").mkdir(parents=True)
    (tmp_path / "ads" / "model" / "day.py").write_text(f"import re\nfrom tandem.base import clock\n{line}\n")
    assert impure(tmp_path) == {("ads/model/day.py", name)}
