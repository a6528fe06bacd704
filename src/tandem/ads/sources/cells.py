"""Cells of ad reports: amounts within what a report can hold, spans above the table."""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Final

from tandem.ads.sources.words import NOT_ENGLISH_NUMBERS
from tandem.imports import cells, headers
from tandem.imports.cells import Decimals, Unreadable, day

MOST_COUNTED, MOST_MONEY = 10**12, 10**11
"""What a row may count and cost: so much that a million rows of it fit into the columns of their sums."""
_CUT_ID: Final = re.compile(r"^\d[.,]\d+E\+\d+$", re.IGNORECASE)


def is_local(heads: Iterable[str]) -> bool:
    """Whether the heads are in a language that writes a comma before decimals."""
    names = [head.lower() for head in heads]
    return any(word in name for name in names for word in NOT_ENGLISH_NUMBERS)


def number(value: Any, decimals: Decimals) -> Decimal:
    """The number in a cell; "< 10" is its bound, and a percent sign is left out.

    raises   Unreadable
    """
    return cells.number(value.strip().lstrip("<>").rstrip("%") if isinstance(value, str) else value, decimals)


def whole(value: Any, decimals: Decimals) -> int:
    """The whole number in a cell.

    raises   Unreadable, also when there are decimals behind it
    """
    parsed = number(value, decimals)
    if parsed != parsed.to_integral_value() or parsed > MOST_COUNTED:
        raise Unreadable(value)
    return int(parsed)


def money(value: Any, decimals: Decimals) -> Decimal:
    """The amount in a cell.

    raises   Unreadable, also for more than a row of a report can cost
    """
    parsed = number(value, decimals)
    if abs(parsed) > MOST_MONEY:
        raise Unreadable(value)
    return parsed


def plain(value: Any) -> str:
    """A name or id as text; a spreadsheet keeps ids as numbers."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return "" if text in ("--", "—") else text


def is_cut_id(text: str) -> bool:
    """Whether a spreadsheet program has made 1.23E+11 of a long id."""
    return bool(_CUT_ID.match(text))


def days_in(text: str) -> list[date]:
    """All days named in a line above the table, as "1 October 2026 - 31 October 2026"."""
    if len(text) > headers.LONGEST:
        return []
    days = []
    for part in re.split(r"\s+[-–—]\s+|\s+по\s+|\bto\b|\bdo\b|[\"(),;]\s*(?!\s*\d{4})", text):
        try:
            days.append(day(part.strip().strip('"().'), "dmy"))
        except Unreadable:
            continue
    return days
