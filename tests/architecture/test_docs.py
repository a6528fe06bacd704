"""Documents keep their word: generated ones are current, links lead somewhere, commands and settings exist."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem import docs
from tandem.base.config import PREFIX, Config
from tests.architecture.test_translations import catalog

ROOT = Path(__file__).parents[2]
TEXTS = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("src/**/*.md"),
        *ROOT.glob("deploy/**/*.md"),
    ]
    if "node_modules" not in path.parts
)
PLACES = [*TEXTS, *(p for p in ROOT.glob("deploy/**/*") if p.is_file())]
OTHER_VARIABLES = {"TANDEM_PASSWORD", "TANDEM_TEST_POSTGRES"}
COMING = {"docs/images/board.png"}
"""Made by the browser tests, from the demo."""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("name", docs.DOCUMENTS)
def test_a_generated_document_is_current(name: str) -> None:
    text = "\n".join(docs.DOCUMENTS[name]()).rstrip() + "\n"
    assert (ROOT / name).read_text() == text, "run `make docs`"


def test_a_stale_document_is_told_with_its_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(docs.DOCUMENTS, "docs/settings.md", lambda: iter(["something else"]))
    assert docs.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "docs/settings.md: not what the code says. Run `make docs`" in said


def links() -> Iterator[tuple[str, str]]:
    for path in TEXTS:
        without_code = re.sub(r"```.*?```|`[^`]*`", "", path.read_text(), flags=re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code):
            if not target.startswith(("http://", "https://", "mailto:")):
                yield named(path), target


@pytest.mark.parametrize(("source", "target"), sorted(set(links())))
def test_a_link_leads_somewhere(source: str, target: str) -> None:
    place, _, anchor = target.partition("#")
    path = (ROOT / source).parent / place if place else ROOT / source
    if str(path.resolve().relative_to(ROOT)) in COMING:
        return
    assert path.exists(), f"{source} links to {target}"
    if anchor:
        heads = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
        slugs = {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}
        assert anchor in slugs, f"{source} links to {target}"


def commands_in(text: str) -> Iterator[str]:
    """What follows the word `tandem` where a command is meant: in backticks and at the start of lines of code."""
    yield from re.findall(r"`((?:\.venv/bin/)?tandem [^`]*)`", text)
    for block in re.findall(r"```sh\n(.*?)```", text, re.S):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            if found := re.search(r".*(?:^|[\s/])(tandem [a-z].*)$", line.split("#")[0]):
                yield found[1]


FORMER = {"tandem heal"}
"""What commands were called before, where that is told."""


def said_commands() -> list[tuple[str, str]]:
    return sorted({(named(p), re.sub(r"\s+", " ", c)) for p in TEXTS for c in commands_in(p.read_text())})


@pytest.mark.parametrize(("source", "said"), said_commands())
def test_a_command_in_the_documents_exists(source: str, said: str) -> None:
    words = said.replace(".venv/bin/", "").split()
    if source in ("CHANGELOG.md", "docs/upgrade.md") and " ".join(words[:2]) in FORMER:
        return
    if words[1:] == ["--help"]:
        return  # all of them together
    known = dict(docs.commands())
    name = next((n for n in (" ".join(words[:3]), " ".join(words[:2])) if n in known), None)
    if name is None and any(n.startswith(" ".join(words[:2]) + " ") for n in known):
        return  # a group of commands is meant
    assert name, f"{source} says `{said}`"
    options = {o for p in known[name].params for o in (*p.opts, *p.secondary_opts)}
    for word in re.findall(r"(?<=\s)--[a-z-]+", said):
        assert word in options, f"{source} says `{said}`"


def test_a_setting_in_the_documents_exists() -> None:
    known = {PREFIX + name.upper() for name in Config.__struct_fields__} | OTHER_VARIABLES
    for path in PLACES:
        for name in re.findall(r"\bTANDEM_[A-Z_]+\b", path.read_text()):
            assert name in known, f"{named(path)} names {name}"


def test_every_setting_is_described() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    for name in Config.__struct_fields__:
        assert f"`{PREFIX}{name.upper()}`" in text


def test_decisions_are_short_and_numbered_without_a_gap() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(f.name[:3]) for f in files] == list(range(1, len(files) + 1))
    for file in files:
        assert len(file.read_text().splitlines()) <= 30, file.name


def test_the_readmes_map_names_each_package_and_no_other() -> None:
    folders = set(re.findall(r"^  (\w+)/ ", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert folders == {path.parent.name for path in (ROOT / "src" / "tandem").glob("*/__init__.py")} | {"web"}


def test_the_guides_floors_are_those_of_the_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (floors,) = (contract["layers"] for contract in contracts if contract["name"].startswith("Floors"))
    guide = (ROOT / "docs" / "developer-guide.md").read_text().split("```")[1]
    told = [set(re.findall(r"\w+", line.split("  ")[0])) for line in guide.strip().splitlines()]
    assert told == [set(re.findall(r"\w+", floor)) for floor in floors]


USER_DOCS = ["README", *(f"docs/{name}" for name in (
    "ads", "attribution", "calls", "counter", "crm", "people", "reconciliation", "user-guide",
))]  # fmt: skip
LEAD_IN = re.compile(r"^(?:[-*>] |\d+\. |\| )?\*\*[^*]+\*\*", re.M)
"""Bold at the start of a paragraph or of an entry names its topic; elsewhere bold is a label on the screen."""


def on_screen() -> set[str]:
    """Every text of the pages, with … for its values."""
    texts = [part for m in catalog("pl") if m.id for part in ([m.id] if isinstance(m.id, str) else m.id)]
    return {re.sub(r"%\(\w+\)s", "…", text).strip() for text in texts}


def labels_named(text: str) -> Iterator[str]:
    prose = LEAD_IN.sub("", re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S))
    for bold, quoted in re.findall(r"\*\*([^*\n]+)\*\*|“([A-Z][^”\n]*)”", prose):
        yield from (part for part in (bold or quoted).split(" → ") if part[:1].isupper())


@pytest.mark.parametrize("name", USER_DOCS)
def test_a_label_in_the_documents_is_on_the_screen(name: str) -> None:
    """“Settings → Prove who is signed in” had been renamed on the page, and “Last touch but direct” too."""
    assert [label for label in labels_named((ROOT / f"{name}.md").read_text()) if label not in on_screen()] == []


def test_a_label_that_is_not_on_the_screen_is_found() -> None:
    text = "**Lead-in.** Open **Settings → Prove who is signed in**.\n- **Entry** of `**code**` with “Check my site”."
    assert list(labels_named(text)) == ["Settings", "Prove who is signed in", "Check my site"]
    assert "Prove who is signed in" not in on_screen() and "Check my site" in on_screen()


def test_the_readme_names_every_document() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [named(path) for path in ROOT.glob("docs/*.md") if f"({named(path)})" not in readme] == []
