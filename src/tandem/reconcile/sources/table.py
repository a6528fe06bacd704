"""A file as lines of cells: encoding and delimiter are found out; numbers and days as many systems write them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, Literal

from tandem.imports.text import encoding_of, first_lines, named_delimiter, records
from tandem.reconcile.sources.words import MONTHS

Order = Literal["", "dmy", "mdy"]
Decimals = Literal[",", "."]
Cells = list[str]
LARGEST: Final = Decimal(10) ** 13
"""Nothing that a site counts is larger, and the event store holds no more."""
DELIMITERS: Final = ("\t", ";", ",")
EMPTY: Final = frozenset(("", "-", "--", "—", "–", "n/a", "null", "none"))
_SPACES: Final = re.compile(r"[\s\u00a0\u2007\u2009\u202f']+")
_SIGNS: Final = re.compile(r"(₽|руб\.?|€|\$|zł|£|₸|^[A-Z]{3}(?=[\d-])|(?<=\d)[A-Z]{3}$)")
_PARTS: Final = re.compile(r"^(\d{1,4})[./-](\d{1,2})[./-](\d{2,4})$")
_WORDY: Final = re.compile(r"^(?:(\d{1,2})\.?\s+([^\W\d]{3,})\.?,?\s+(\d{4})|([^\W\d]{3,})\.?\s+(\d{1,2}),?\s+(\d{4}))")
_SPAN: Final = re.compile(
    r"^(\d{4}-\d\d-\d\d|\d{8}|\d{1,2}[./]\d{1,2}[./]\d{4})\s*(?:-|–|—|to|по|do)\s*(\d{4}-\d\d-\d\d|\d{8}|[\d./]+)$"
)


class Unreadable(ValueError):
    """The cell holds something else."""


def lines_of(path: Path) -> Iterator[tuple[int, Cells]]:
    """Line numbers and cells, empty lines too; the delimiter is the one that splits most lines alike.

    raises   NotText; UserError as `imports.text.records`
    """
    encoding = encoding_of(path)
    named, first = named_delimiter(path, encoding), first_lines(path, encoding)
    best = named or max(DELIMITERS, key=lambda sign: _evenness(first, sign))
    for line, cells in records(path, encoding, best, skipped=int(bool(named))):
        yield line, [cell.strip() for cell in cells]


def _evenness(lines: Sequence[str], sign: str) -> int:
    """How many of the first lines have the commonest number of this sign, which is more than none."""
    counts = [line.count(sign) for line in lines if not line.startswith("#")]
    found = [n for n in counts if n]
    return max((found.count(n) for n in set(found)), default=0)


def decimals_of(cells: Iterable[str], is_local: bool) -> Decimals:
    """Which sign stands before decimals: told by values that can be read one way only, else by the file's language."""
    for cell in cells:
        text = _bare(cell)
        comma, dot = text.rfind(","), text.rfind(".")
        if comma >= 0 and dot >= 0:
            return "," if comma > dot else "."
        if text.count(",") > 1 or text.count(".") > 1:
            return "." if text.count(",") > 1 else ","
        if comma >= 0 and len(text) - comma - 1 != 3:
            return ","
        if dot >= 0 and len(text) - dot - 1 != 3:
            return "."
    return "," if is_local else "."


def number(cell: str, decimals: Decimals) -> Decimal:
    """The number in a cell, to four decimal places; an empty one is 0.

    raises   Unreadable
    """
    text = _bare(cell)
    if text.lower() in EMPTY:
        return Decimal(0)
    text = text.replace("." if decimals == "," else ",", "").replace(",", ".").replace("\u2212", "-")
    try:
        found = Decimal(text).quantize(Decimal("0.0001"))
    except InvalidOperation as error:
        raise Unreadable(cell) from error
    if not found.is_finite() or abs(found) >= LARGEST:
        raise Unreadable(cell)
    return found


def _bare(cell: str) -> str:
    return _SIGNS.sub("", _SPACES.sub("", cell)).strip()


def order_of(cells: Sequence[str]) -> Order | None:
    """Whether days or months come first: told by dates that can be read one way only; None when nothing tells."""
    parts = [match for cell in cells if (match := _PARTS.match(cell)) and len(match[1]) <= 2]
    for match in parts:
        if int(match[1]) > 12 or "." in match[0]:
            return "dmy"
        if int(match[2]) > 12:
            return "mdy"
    return "dmy" if all(p[1] == p[2] for p in parts) else None


def day(cell: str, order: Order) -> date:
    """The day in a cell: 20261031, 2026-10-31, 31.10.2026, 10/31/2026, Oct 31, 2026, 31 октября 2026.

    raises   Unreadable
    """
    text = cell.strip()
    try:
        if len(text) == 8 and text.isdigit():
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
        if len(text) >= 10 and text[4:5] == "-":
            return date.fromisoformat(text[:10])
        if match := _PARTS.match(text):
            return _from_parts(match[1], match[2], match[3], order)
        if match := _WORDY.match(text):
            name, on, year = (match[2], match[1], match[3]) if match[1] else (match[4], match[5], match[6])
            return date(int(year), MONTHS[name[:3].lower()], int(on))
    except (ValueError, KeyError) as error:
        raise Unreadable(text) from error
    raise Unreadable(text)


def span_in(cell: str) -> tuple[str, str] | None:
    """The two ends of a cell that stands for several days."""
    match = _SPAN.match(cell.strip())
    return (match[1], match[2]) if match else None


def _from_parts(one: str, two: str, three: str, order: Order) -> date:
    if len(one) == 4:
        return date(int(one), int(two), int(three))
    year = int(three) + (2000 if len(three) == 2 else 0)
    first, second = int(one), int(two)
    return date(year, first, second) if order == "mdy" else date(year, second, first)
