"""Headers of tables: cells as words by which columns are known, in whatever way a system writes them."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from tandem.base.currencies import SIGNS

LONGEST: Final = 300
"""Longer texts name no column. TRAP: what is looked for in them takes the square of their length."""
_IN_BRACKETS: Final = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]\s*$")
_CODE: Final = re.compile(r"^[A-Z]{3}$")
Words = Mapping[str, Sequence[str]]
"""The words by which each column is known, in lower case, the best first."""


def title(text: str) -> str:
    """A header as its file shows it, without marks of its encoding and spaces of all kinds."""
    return " ".join(text[:LONGEST].replace("\ufeff", "").replace("\u00a0", " ").split())


def word(text: str) -> str:
    """A header as words have it; "" for a text that is too long to be one."""
    return title(text).lower().strip("\"' ") if len(text) <= LONGEST else ""


def without_brackets(text: str) -> str:
    """A header without what stands in brackets behind it: "sessions (google)" -> sessions."""
    return _IN_BRACKETS.sub("", text)


def with_currency(text: str) -> tuple[str, str]:
    """A header as words have it, and the currency in it, if any: "Расход (руб.)" -> расход, RUB."""
    name, currency = title(text), ""
    while (match := _IN_BRACKETS.search(name)) and (code := _currency(match[1])) is not None:
        name, currency = name[: match.start()], code or currency
    head, _, tail = name.rpartition(",")
    if head and (code := _currency(tail)) is not None:
        name, currency = head, code
    return name.strip().lower(), currency


def _currency(text: str) -> str | None:
    """The currency that a header says; "" for "conventional units", None where the text is something else.

    TRAP: "Clicks (all)" counts all clicks, although `currency_code` knows the lek by that word.
    """
    bare = text.strip()
    if code := SIGNS.get(bare.lower().rstrip(".")):
        return code
    return "" if bare.lower() == "у.е." else bare if _CODE.match(bare) else None


def places(head: Sequence[str], words: Words) -> dict[str, list[int]]:
    """Where the columns that words name stand in a table whose heads are as `word` has them, the best word first."""
    at = dict[str, list[int]]()
    for place, name in enumerate(head):
        at.setdefault(name, []).append(place)
    found = {column: [place for name in names for place in at.get(name, ())] for column, names in words.items()}
    return {column: places for column, places in found.items() if places}
