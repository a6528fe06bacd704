"""Every word the product says exists in Russian and Polish, with the same placeholders and all plural forms."""

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from jinja2.ext import babel_extract

from tandem.accounts.permissions import Role
from tandem.ads import queries as ads
from tandem.base import translations, words
from tandem.base.http import NO_ANSWER
from tandem.board.model import GROUPS, QUESTIONS, TABLE_GROUPS, TABLES
from tandem.calls import queries as calls
from tandem.changes.model import KINDS
from tandem.crm import queries as crm
from tandem.metrics.catalogue import DIMENSIONS, METRICS
from tandem.metrics.metric import Unit
from tandem.metrics.period import NAMES
from tandem.settings.routes.sign_in import NO_MATCH, NOT_RIGHT

SOURCE = Path(translations.__file__).parents[1]
OTHERS = ("ru", "pl")
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
CAPITAL = re.compile(r"[A-Z][\w -]+")
CHANNELS = re.compile(r'^name = "(.+)"$', re.MULTILINE)
TELLERS = (
    "UserError",
    "SignInInstead",
    "Busy",
    "Problem",
    "SiteProblem",
    "__init__",
    "_error_page",
    "_issue",
    "_row_problem",
    "_text",
    "_account",
    "gettext",
    "SkippedRecord",
    "sentence",
)
UNSEEN = {"base", "delivery", "demo", "maintenance"}
COMMAND_LINE = {"commands.py", "lookups.py", "operations.py"}
"""Whose errors people never meet on pages: the command line, the start and the keeping of stores speak English."""
OPEN_TO_PAGES = (
    "database.py",
    "error_pages.py",
    "formats.py",
    "gate.py",
    "http.py",
    "pages.py",
    "progress.py",
    "texts.py",
)
"""Files of `base` whose errors pages show all the same."""

ASKED_BY_THE_CHECK = {"_looked_at", "_hop", "_blocks"}
"""Functions of `base.http` whose reasons stand in the sentences of the check of a site."""

Said = str | tuple[str, str]


def in_templates() -> set[Said]:
    """What templates translate."""
    found: set[Said] = set()
    for path in SOURCE.glob("*/templates/*.html"):
        with path.open("rb") as file:
            options = {"newstyle_gettext": "true", "trimmed": "false", "silent": "false"}
            for _, function, message, _ in babel_extract(file, ("_", "gettext", "ngettext"), [], options):
                texts = [m for m in (message if isinstance(message, tuple) else (message,)) if m]
                if function == "ngettext":
                    found.add((texts[0], texts[1]))
                else:
                    found.update(texts)
    return found


def in_catalogue() -> set[Said]:
    """Labels and meanings of figures and dimensions, and the board's words."""
    found: set[Said] = {text for f in METRICS.values() for text in (f.label, f.marketers, f.engineers)}
    found |= {text for d in DIMENSIONS.values() for text in (d.label, d.marketers)}
    for group in GROUPS.values():
        found.update((group.title, group.missing, group.instead), group.meaning.values())
    found.update(QUESTIONS.values(), TABLE_GROUPS.values())
    tabs = [tab for tables in (TABLES, ads.TABLES, calls.TABLES, crm.TABLES) for tab in tables.values()]
    found.update(*((t.title, t.empty, t.nameless) for t in tabs))
    found.update(words.MEMBERS.values(), *(words.values() for words in words.WORDS.values()))
    found.update(CHANNELS.findall((SOURCE / "collect" / "rules" / "channels.toml").read_text("utf-8")))
    return found - {""}


def in_menu() -> set[Said]:
    from tandem.app import SLICES

    pages = [page for s in SLICES for page in s.pages if page.group is not None]
    return {word for page in pages for word in (page.group, page.title) if word}


def in_systems() -> set[Said]:
    """Names and hints of the settings of outside systems, and what is to be set up there."""
    from tandem.app import SLICES
    from tandem.connections.routes import AREAS

    systems = [system for s in SLICES for system in s.systems]
    fields = [field for system in systems for field in system.fields]
    found: set[Said] = {text for f in fields for text in (f.label, f.hint)} | {s.note for s in systems}
    return (found | set(AREAS.values())) - {""}


def in_timeline() -> set[Said]:
    """Titles and labels of what a person did, and the words of identifiers and decisions."""
    from tandem.people.routes import ACTS, WHY
    from tandem.people.routes import KINDS as IDENTIFIERS

    found: set[Said] = {*ACTS.values(), *IDENTIFIERS.values(), *WHY.values()}
    for path in SOURCE.glob("*/timeline.py"):
        constants = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Constant)]
        found |= {c.value for c in constants if isinstance(c.value, str) and CAPITAL.fullmatch(c.value)}
    return found


def in_audit() -> set[Said]:
    from tandem.core.audit import ACTS, FIELDS, WAYS

    return {*ACTS.values(), *FIELDS.values(), *WAYS.values(), "yes", "no"}


def in_permissions() -> set[Said]:
    """What somebody is told that they may not do."""
    from tandem.accounts.permissions import DEEDS, MAY

    assert set(DEEDS) == set(MAY), "every permission has words"
    return set(DEEDS.values())


def in_letters() -> set[Said]:
    """What is written to users, and what they may switch off."""
    from tandem.delivery.model import KINDS as LETTERS_THAT_MAY_BE_SWITCHED_OFF
    from tandem.settings.letters import LETTERS

    told = {text for subject, paragraphs in LETTERS.values() for text in (subject, *paragraphs)}
    return {*told, *LETTERS_THAT_MAY_BE_SWITCHED_OFF.values()} - {"%(link)s"}


def in_first_hour() -> set[Said]:
    """Steps to a complete record, and why a site's page could not be fetched."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (SOURCE / "base" / "http.py", *SOURCE.glob("*/s*.py"))]
    calls = [n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Call)]
    given = [k.value for c in calls if called(c) == "FirstStep" for k in c.keywords if k.arg in ("title", "why")]
    functions = [n for n in ast.walk(trees[0]) if isinstance(n, ast.FunctionDef) and n.name in ASKED_BY_THE_CHECK]
    assert len(functions) == len(ASKED_BY_THE_CHECK)
    calls = [n for f in functions for n in ast.walk(f) if isinstance(n, ast.Call) and called(n) == "SourceError"]
    reasons = [c.args[1] for c in calls]
    assert not [r for r in reasons if isinstance(r, ast.JoinedStr)], "a reason is translated whole"
    return {g.value for g in [*given, *reasons] if isinstance(g, ast.Constant)} | {NO_ANSWER}


def in_errors() -> set[Said]:
    """Sentences of errors; values stand in them by name."""
    files = [
        path
        for path in SOURCE.glob("*/**/*.py")
        if path.relative_to(SOURCE).parts[0] not in UNSEEN and path.name not in COMMAND_LINE
    ] + [SOURCE / "base" / name for name in OPEN_TO_PAGES]
    calls = [n for path in files for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
    found: set[Said] = {text for call in calls if called(call) in TELLERS for text in sentences(call)}
    return found | {NO_MATCH, NOT_RIGHT, "The request is not valid."}


def called(call: ast.Call) -> str:
    """The name of what is called."""
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def sentences(call: ast.Call) -> set[str]:
    """The texts among a call's arguments."""
    given = [*call.args, *(k.value for k in call.keywords if k.arg in ("what", "cure"))]
    texts = {a.value for a in given if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return {text for text in texts if text and (text[0].isupper() or text[0] in "(“%`")}


@lru_cache
def messages() -> frozenset[Said]:
    return frozenset(
        in_templates()
        | in_catalogue()
        | in_menu()
        | in_systems()
        | in_timeline()
        | in_audit()
        | in_permissions()
        | in_letters()
        | in_first_hour()
        | in_errors()
    )


@lru_cache
def catalog(language: str) -> Catalog:
    return translations.catalog(language)


def forms(message: Message) -> list[str]:
    """The texts of a translation: one, or one for each kind of number."""
    found = message.string
    return [found or ""] if isinstance(found, str | None) else list(found)


@pytest.mark.parametrize("language", OTHERS)
def test_every_word_is_translated(language: str) -> None:
    missing = []
    for message in sorted(messages(), key=str):
        found = catalog(language).get(message if isinstance(message, str) else message[0])
        if not found or found.fuzzy or not all(forms(found)):
            missing.append(message)
    assert missing == []


@pytest.mark.parametrize("language", OTHERS)
def test_plurals_have_all_forms_of_the_language(language: str) -> None:
    # CLDR names four kinds for ru and pl; gettext's rules for whole numbers need three of them
    wrong = [
        m.id for m in catalog(language) if m.id and m.pluralizable and len(forms(m)) != catalog(language).num_plurals
    ]
    assert catalog(language).num_plurals >= 3
    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_the_placeholders(language: str) -> None:
    wrong = []
    for message in catalog(language):
        if not message.id:
            continue
        text = message.id if isinstance(message.id, str) else message.id[-1]
        wanted = set(PLACEHOLDER.findall(text))
        wrong += [(text, form) for form in forms(message) if set(PLACEHOLDER.findall(form)) != wanted]
    assert wrong == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_over(language: str) -> None:
    used = {m if isinstance(m, str) else m[0] for m in messages()}
    kept = {m.id if isinstance(m.id, str) else m.id[0] for m in catalog(language) if m.id}
    assert sorted(kept - used) == []


DECLINING = {"ru": "на|для|в|с|из|от|о|об|к|по|у", "pl": "na|dla|w|z|ze|do|od|o|u"}
NAMED = "site|name|company|pool|agent|goal|connection|report|person"


@pytest.mark.parametrize("language", OTHERS)
def test_no_name_stands_where_it_would_have_to_be_declined(language: str) -> None:
    """Names are not declined: a word that is, or a colon, stands before them."""
    asked = re.compile(rf"(?:^|\s)(?:{DECLINING[language]}) %\((?:{NAMED})\)s", re.IGNORECASE)
    assert [form for m in catalog(language) for form in forms(m) if asked.search(form)] == []


def test_every_kind_of_word_has_an_english_name() -> None:
    assert set(words.WORDS["KINDS"]) == set(KINDS)
    assert set(words.WORDS["ROLES"]) == set(Role)
    assert set(words.WORDS["PERIODS"]) == set(NAMES)
    assert set(words.WORDS["UNITS"]) == set(Unit)


def test_channels_have_one_colour_each() -> None:
    from tandem.base.hues import HUES

    names = CHANNELS.findall((SOURCE / "collect" / "rules" / "channels.toml").read_text("utf-8"))
    assert sorted(HUES) == sorted([*names, "No visit"])


def test_every_field_of_the_audit_log_has_a_label() -> None:
    """Fields without one are shown by their English name in the code, in every language."""
    from tandem.core.audit import FIELDS

    noted = set[str]()
    for path in SOURCE.glob("*/**/*.py"):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef):
                noted |= fields_noted_in(function)
    assert {"deliveries", "unread_files", "role"} <= noted, "the search finds what is there"
    assert sorted(noted - FIELDS.keys()) == []


def fields_noted_in(function: ast.FunctionDef) -> set[str]:
    """Names of what a function tells the audit log beside act and object, also in a dict that it hands on whole."""
    calls = [n for n in ast.walk(function) if isinstance(n, ast.Call) and called(n) == "note"]
    splatted = {k.value.id for c in calls for k in c.keywords if k.arg is None and isinstance(k.value, ast.Name)}
    dicts = [
        d
        for n in ast.walk(function)
        if isinstance(n, (ast.Assign, ast.AugAssign))
        and any(
            isinstance(t, ast.Name) and t.id in splatted
            for t in (n.targets if isinstance(n, ast.Assign) else [n.target])
        )
        for d in ast.walk(n.value)
        if isinstance(d, ast.Dict)
    ]
    keys = {k.value for d in dicts for k in d.keys if isinstance(k, ast.Constant) and isinstance(k.value, str)}
    return keys | {k.arg for c in calls for k in c.keywords if k.arg}
