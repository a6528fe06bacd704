"""Compiles published lists of bots into one list of expressions, and tries each against agents of people."""

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from tandem.collect.rules.bot_names import named_bot

# The lists, as published: expressions that find bots, agents of bots, agents of people.
CRAWLERS: Final = "crawler-user-agents"
CRAWLER_DETECT: Final = "crawlerdetect"
ISBOT: Final = "isbot"
FAKE_USERAGENT: Final = "fake-useragent"
LISTS: Final = (CRAWLERS, CRAWLER_DETECT, ISBOT, FAKE_USERAGENT)

# Words with a piece of an address in them are no name.
ADDRESS: Final = re.compile(r"https?:|www\.|[({<]|\.\w+/")

# What Android calls its builds: never a bot, whoever was seen with it.
BUILD: Final = re.compile(r"[A-Z]{2}\w{2}\.\d{6}\.\d{3}(?:\.\w+)?")

# A name ends where no lower-case letter follows: "Ahrefs" is in "AhrefsBot", "Demon" is not in "Demonstration". Said
# in ASCII: whatever is not "a-z" in all of Unicode takes the engine 20 MB for 3,000 expressions.
STARTS: Final = (r"(?:^|[ -/:-@\[-`{-~])", "")
ENDS: Final = ("(?:[ -`{-~]|$)", "")


LOOK_AROUND: Final = re.compile(r"\(\?<?[!=]")


class Refused(Exception):
    """An expression of a list takes people out."""


class Published(NamedTuple):
    """What one list publishes. A list may have one part of it only."""

    patterns: list[tuple[str, str, str]]  # expression, name ('' is read from the agent), class
    bots: list[str]
    people: list[str]


def read_list(folder: Path, name: str, classes: dict[str, str]) -> Published:
    """Return one of LISTS from the folder of their files; what is not there is empty."""
    if name == CRAWLERS:
        rows = json.loads((folder / "crawler-user-agents.json").read_text("utf-8"))
        patterns = [(row["pattern"], bot_name(row), bot_class(classes, row.get("tags", ()))) for row in rows]
        return Published(patterns, [text for row in rows for text in row["instances"]], [])
    expressions = _lines(folder / f"{name}.patterns.txt")
    # Both lists are written for any case.
    patterns = [(f"(?i:{text})", "", "") for text in expressions]
    return Published(patterns, _lines(folder / f"{name}.bots.txt"), _lines(folder / f"{name}.people.txt"))


def bots(own: dict[str, Any], lists: Sequence[Published], *, strict: bool = True) -> dict[str, Any]:
    """Return the bot rules: patterns with name and class, and our own words about browsers and devices.

    strict  refuse an expression that takes people out and is not among our own `drop`; otherwise leave it out
    raises  Refused, with every such expression and a person's agent that it takes
    """
    spared = re.compile(f"{own['generic']['build']}|(?i:{own['generic']['people'].removeprefix('(?i)')})")
    people = "\n".join(spared.sub("", text) for part in lists for text in part.people)
    examples = "\n".join(spared.sub("", text) for part in lists for text in part.bots)
    dropped = set(own["drop"]["patterns"])
    patterns = [[pattern, name, kind] for pattern, (name, kind) in own["add"].items()]
    refused = []
    for pattern, name, kind in (row for part in lists for row in part.patterns):
        if pattern in dropped or not _is_readable(pattern):
            continue
        found = _lines_of(pattern, examples)
        narrow = narrowed(pattern, found)
        if taken := _taken(narrow, pattern, people):
            refused.append(f"{pattern}   takes   {taken}")
            continue
        patterns.append([narrow, name or _one_name(pattern, found), kind or class_of_words(own["kinds"], pattern)])
    if refused and strict:
        raise Refused("\n".join(refused))
    sections = (
        "generic", "browsers", "systems", "brands", "bot_brands", "named_browser", "named_system", "device",
    )  # fmt: skip
    return {"patterns": patterns, **{key: own[key] for key in sections}}


def narrowed(pattern: str, found: Sequence[str]) -> str:
    """Return the expression as whole words, as far as it then still finds all that it finds as written."""
    for start in STARTS:
        for end in ENDS:
            narrow = f"{start}(?:{pattern}){end}" if start or end else pattern
            if found and all(re.search(narrow, line) for line in found):
                return narrow
    first, last = re.match(r"(?:\(\?i:)?\w", pattern), re.search(r"[\w.]\)?$", pattern)
    return f"{STARTS[0] if first else ''}(?:{pattern}){ENDS[0] if last else ''}"


def _taken(narrow: str, pattern: str, people: str) -> str:
    """Return an agent of a person that the expression takes, or an empty text."""
    if BUILD.fullmatch(pattern.replace("\\", "")):
        return "every phone with this build of Android"
    return next((line for line in _lines_of(pattern, people) if re.search(narrow, line)), "")


def _one_name(pattern: str, found: Sequence[str]) -> str:
    """Return the name that all examples have; without one it is read from each agent as it comes."""
    names = {named_bot(line, re.search(pattern, line))[:60] for line in found}
    return names.pop() if len(names) == 1 else ""


def bot_class(classes: dict[str, str], tags: Iterable[str]) -> str:
    """Return the class of the first of our tags that the list gives."""
    return next((kind for tag, kind in classes.items() if tag in tags), "other")


def class_of_words(kinds: dict[str, str], pattern: str) -> str:
    """Return the class that the words of an expression tell, where its list tells none."""
    return next((kind for kind, words in kinds.items() if re.search(words, pattern)), "other")


def bot_name(row: dict[str, Any]) -> str:
    """Return the words that the pattern finds in the bot's own example, or else the pattern without its escapes."""
    for instance in row.get("instances", ()):
        if match := re.search(row["pattern"], instance):
            said = match.group(0).strip(" /;()+^")
            return named_bot(instance, match)[:60] if ADDRESS.search(said) else said[:60]
    return re.sub(r"\\|\[.*?\]|[\^$()?*+]", "", row["pattern"]).strip(" /;")[:60]


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []


def _lines_of(pattern: str, text: str) -> list[str]:
    """Return the lines that the expression is found in."""
    lines: dict[str, None] = {}
    for at in _places(pattern, text):
        lines[text[text.rfind("\n", 0, at + 1) + 1 :].partition("\n")[0]] = None
    return [line for line in lines if re.search(pattern, line)]


def _places(pattern: str, text: str) -> Iterable[int]:
    """Return where in the text the expression may be found. Plain words are looked up, 20 times as fast."""
    bare = pattern.removeprefix("(?i:").removesuffix(")") if pattern.startswith("(?i:") else pattern
    word = re.sub(r"\\([^\w])", r"\1", bare)
    if re.search(r"\\\w|(?<!\\)[\[\](){}|^$*+?.]", bare):
        return (found.start() for found in re.finditer(pattern, text, re.MULTILINE))
    return _word_places(word.lower(), _lower(text))


def _word_places(word: str, text: str) -> Iterable[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + len(word))


@lru_cache(8)
def _lower(text: str) -> str:
    """Return the text in lower case, letter for letter: some capitals have a lower case of two characters."""
    return "".join(lower if len(lower := letter.lower()) == 1 else letter for letter in text)


def _is_readable(pattern: str) -> bool:
    """Say whether the engine has all that the expression is made of. It has no look-around."""
    try:
        re.compile(pattern)
    except re.error:
        return False
    return LOOK_AROUND.search(pattern) is None
