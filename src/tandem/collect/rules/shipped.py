"""The files of this folder as data: they come with the program and never change while it runs."""

import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

_FOLDER = resources.files(__package__)


def toml(name: str) -> dict[str, Any]:
    """What one of our own files says."""
    return tomllib.loads((_FOLDER / name).read_text("utf-8"))


def compiled(name: str) -> dict[str, Any]:
    """What build_rules.py has made of published lists."""
    rules: dict[str, Any] = json.loads((_FOLDER / name).read_text("utf-8"))
    return rules


def path(name: str) -> Path:
    """Where a file lies that others open."""
    return Path(str(_FOLDER / name))
