"""What the guides name is there: paths, files, functions of modules, fields, and words of the code."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tandem.accounts.permissions import MAY
from tandem.core.slice import Slice
from tests.architecture.test_docs import ROOT, TEXTS, named

SOURCE = ROOT / "src" / "tandem"
HISTORY = {"CHANGELOG.md", "docs/upgrade.md"}
"""They tell how things were called before."""
TEXTS_OF_NOW = [path for path in TEXTS if named(path) not in HISTORY]
GUIDES = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "developer-guide.md", *ROOT.glob("docs/decisions/*.md")]
ROOTS = {path.name for path in (*SOURCE.iterdir(), *ROOT.iterdir()) if path.is_dir()} | {"<slice>"}
MADE = {"control.json"}
"""Files that a running server writes."""


def spans_of(text: str) -> list[str]:
    """What stands between backticks, without blocks of code."""
    return re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


@cache
def code() -> str:
    """All of the code in one string."""
    files = [
        p for folder in ("src", "tests") for kind in ("py", "sql", "html") for p in (ROOT / folder).rglob(f"*.{kind}")
    ]
    return "\n".join(p.read_text() for p in [ROOT / "Makefile", ROOT / "pyproject.toml", *files] if p != Path(__file__))


@cache
def words() -> set[str]:
    return set(re.findall(r"\w+", code()))


@cache
def files() -> set[str]:
    inside = {path.name for folder in ("src", "tests") for path in (ROOT / folder).rglob("*")}
    return inside | {path.name for path in ROOT.iterdir()} | MADE


def is_there(path: str) -> bool:
    """Whether a path leads somewhere, in which `<slice>` stands for some name and `{ru,pl}` for each of these."""
    if braces := re.search(r"\{([\w,]+)\}", path):
        return all(is_there(path.replace(braces[0], one)) for one in braces[1].split(","))
    pattern = re.sub(r"<\w+>|NNN_what", "*", path).rstrip("/")
    return any(True for folder in (ROOT, SOURCE) for _ in folder.glob(pattern))


def missing_paths(text: str) -> Iterator[str]:
    for span in spans_of(text):
        for token in re.findall(r"(?<![\w/.])[\w<>{},.*-]+(?:/[\w<>{},.*-]*)*", span):
            if ("/" in token and token.split("/")[0] in ROOTS and not is_there(token)) or (
                re.fullmatch(r"\w[\w.-]*\.(py|sql|html|js|md|toml|css)", token) and token not in files()
            ):
                yield token


def defines(parents: list[str], name: str) -> bool:
    """Whether a module or class of that path has the name: `imports.uploads.on_disk`, `Slice.operations`."""
    *above, owner = parents
    if owner in ("SLICE", "Slice"):
        return name in Slice.__struct_fields__
    if owner in ("ctx", "Context"):
        return bool(
            re.search(rf"self\.{name}\b.*=|def {name}\b|^    {name}:", (SOURCE / "core/context.py").read_text(), re.M)
        )
    folder = "/".join(("**", *above))
    modules = [*SOURCE.glob(f"{folder}/{owner}.py"), *SOURCE.glob(f"{folder}/{owner}/*.py")]
    return any(
        path.stem == name or re.search(rf"^(?:async )?(?:def|class) {name}\b|^{name}\b.*=", path.read_text(), re.M)
        for path in modules
    )


def missing_names(text: str) -> Iterator[str]:
    for span in spans_of(text):
        if dotted := re.match(r"((?:\w+\.)+)(\w+)(?=\(|$)", span):
            if span not in files() and not defines(dotted[1].rstrip(".").split("."), dotted[2]):
                yield dotted[0]
        elif "/" not in span and span not in files():
            without_values = re.sub(r"\"[^\"]*\"", "", span)
            yield from set(re.findall(r"[A-Za-z_]\w+", without_values)) - words()
        yield from set(re.findall(r'may="([^"]+)"', span)) - set(MAY)


@pytest.mark.parametrize("path", TEXTS_OF_NOW, ids=named)
def test_paths_named_in_documents_are_there(path: Path) -> None:
    assert list(missing_paths(path.read_text())) == []


@pytest.mark.parametrize("path", GUIDES, ids=named)
def test_names_of_the_code_in_the_guides_are_there(path: Path) -> None:
    assert list(missing_names(path.read_text())) == []


@pytest.mark.parametrize(
    "name",
    [
        "crm/attic.py", "src/tandem/ads/attic/", "tests/crm/attic.py", "docs/attic.md", "attic.py",
        "<slice>/attic/<name>.py",
        "connections/attic.py", "src/tandem/web/locale/{xx,yy}/<slice>.po",
    ],
)  # fmt: skip
def test_a_path_that_is_not_there_is_found(name: str) -> None:
    assert list(missing_paths(f"See `{name}`.")) == [name]


@pytest.mark.parametrize(
    ("span", "missing"),
    [
        ("imports.uploads.in_attic", "imports.uploads.in_attic"),
        ("findings.store.in_attic(db, site)", "findings.store.in_attic"),
        ("uploads.in_attic", "uploads.in_attic"),
        ("SLICE.moments", "SLICE.moments"),
        ("ctx.in_attic", "ctx.in_attic"),
        ("InAttic(what, hint)", "InAttic"),
        ("IN_ATTIC", "IN_ATTIC"),
        ('@get_page("/address", may="figures.read")', "figures.read"),
    ],
)
def test_a_name_that_is_not_there_is_found(span: str, missing: str) -> None:
    assert list(missing_names(f"See `{span}`.")) == [missing]
