"""Every word the product says exists in Russian and Polish, with the same placeholders and the right number of plurals."""

import re
from functools import lru_cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from tandem.accounts.permissions import Role
from tandem.accounts.routes import NO_MATCH
from tandem.base import web
from tandem.board.model import GROUPS, QUESTIONS, TABLE_GROUPS, TABLES
from tandem.changes.model import KINDS
from tandem.metrics.catalogue import DIMENSIONS, FIGURES
from tandem.metrics.metric import Unit
from tandem.metrics.period import NAMES

SOURCE = Path(web.__file__).parents[1]
OTHERS = ("ru", "pl")
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
CHANNELS = re.compile(r'^name = "(.+)"$', re.MULTILINE)
RAISED = re.compile(r'(?:UserError|super\(\).__init__)\(\s*"((?:[^"\\]|\\.)*)"(?:,\s*"((?:[^"\\]|\\.)*)")?')

TOLD = re.compile(r'_told\(request, [^,]+, (?:"((?:[^"\\]|\\.)*)"|what)(?:, "((?:[^"\\]|\\.)*)")?')
SAID = re.compile(r'(?:_text\(|error\.detail or )"((?:[^"\\]|\\.)*)"')
SEEN = ("accounts", "board", "changes", "collect", "metrics")
"""Areas whose errors people meet on pages; the command line and the keeping of stores speak English."""

Message = str | tuple[str, str]


def in_templates() -> set[Message]:
    """What templates translate."""
    found: set[Message] = set()
    for path in SOURCE.glob("*/templates/*.html"):
        with path.open("rb") as file:
            options = {"newstyle_gettext": "true", "trimmed": "false", "silent": "false"}
            for _, function, message, _ in babel_extract(file, ("_", "gettext", "ngettext"), [], options):
                if function == "ngettext":
                    found.add((message[0], message[1]))
                else:
                    found |= {m for m in (message if isinstance(message, tuple) else (message,)) if m}
    return found


def in_catalogue() -> set[Message]:
    """Labels and meanings of figures and dimensions, and the board's words."""
    found = {text for f in FIGURES.values() for text in (f.label, f.marketers, f.engineers)}
    found |= {text for d in DIMENSIONS.values() for text in (d.label, d.marketers)}
    for group in GROUPS.values():
        found |= {group.title, group.missing, group.instead, *group.meaning.values()}
    found |= {*QUESTIONS.values(), *TABLE_GROUPS.values(), *(t.title for t in TABLES.values())}
    found |= {word for words in web.WORDS.values() for word in words.values()} | set(web.MEMBERS.values())
    found |= set(CHANNELS.findall((SOURCE / "collect" / "rules" / "channels.toml").read_text("utf-8")))
    return found - {""}


def in_menu() -> set[Message]:
    from tandem.app import SLICES

    return {word for s in SLICES for group, title, _, _ in s.menu for word in (group, title) if word} | {"Settings"}


def in_errors() -> set[Message]:
    """Sentences of errors that hold no value."""
    found: set[Message] = set()
    for path in (p for area in SEEN for p in (SOURCE / area).rglob("*.py")):
        for what, hint in RAISED.findall(path.read_text("utf-8")):
            found |= {what, hint}
    edge = (SOURCE / "base" / "web.py").read_text("utf-8")
    found |= {text for told in TOLD.findall(edge) for text in told} | set(SAID.findall(edge)) | {NO_MATCH}
    return {text for text in found if text and isinstance(text, str) and "{" not in text}


def messages() -> set[Message]:
    return in_templates() | in_catalogue() | in_menu() | in_errors()


@lru_cache
def catalog(language: str) -> Catalog:
    with (SOURCE / "web" / "locale" / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


@pytest.mark.parametrize("language", OTHERS)
def test_every_word_is_translated(language: str) -> None:
    missing = []
    for message in sorted(messages(), key=str):
        found = catalog(language).get(message if isinstance(message, str) else message[0])
        strings = (found.string if isinstance(found.string, tuple) else (found.string,)) if found else ()
        if not strings or not all(strings) or found.fuzzy:
            missing.append(message)
    assert missing == []


@pytest.mark.parametrize("language", OTHERS)
def test_plurals_have_all_forms_of_the_language(language: str) -> None:
    # CLDR names four kinds for ru and pl; gettext's rules for whole numbers need three of them
    wrong = [m.id for m in catalog(language) if m.id and m.pluralizable and len(m.string) != catalog(language).num_plurals]
    assert catalog(language).num_plurals >= 3
    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_the_placeholders(language: str) -> None:
    wrong = []
    for message in catalog(language):
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        wanted = set().union(*(PLACEHOLDER.findall(i) for i in ids[-1:]))
        for string in message.string if isinstance(message.string, tuple) else (message.string,):
            if set(PLACEHOLDER.findall(string)) != wanted:
                wrong.append((message.id, string))
    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_over(language: str) -> None:
    used = {m if isinstance(m, str) else m[0] for m in messages()}
    kept = {m.id if isinstance(m.id, str) else m.id[0] for m in catalog(language) if m.id}
    assert sorted(kept - used) == []


def test_every_kind_of_word_has_an_english_name() -> None:
    assert set(web.WORDS["KINDS"]) == set(KINDS)
    assert set(web.WORDS["ROLES"]) == set(Role)
    assert set(web.WORDS["PERIODS"]) == set(NAMES)
    assert set(web.WORDS["UNITS"]) == set(Unit)


def test_channels_have_one_colour_each() -> None:
    from tandem.board.model import HUES

    names = CHANNELS.findall((SOURCE / "collect" / "rules" / "channels.toml").read_text("utf-8"))
    assert sorted(HUES) == sorted(names)
