"""Cells of ad reports: numbers and days as half a dozen systems and three languages write them."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from tandem.ads.sources.words import MONTHS, NOT_ENGLISH_NUMBERS, SIGNS_OF_MONEY

Order = Literal["", "dmy", "mdy"]
Decimals = Literal[",", "."]
EMPTY: Final = frozenset(("", "--", "-", "—", "–", "n/a", "na", "null", "none", "(not set)"))
DIGITS, LONGEST_NUMBER = 18, 100
MOST_COUNTED, MOST_MONEY = 10**12, 10**11
"""What a row may count and cost: so much that a million rows of it fit into the columns of their sums."""
_SPACES: Final = re.compile(r"[\s\u00a0\u2007\u2009\u202f']+")
_IN_BRACKETS: Final = re.compile(r"\s*[(\[]([^()\[\]]*)[)\]]\s*$")
_CODE: Final = re.compile(r"^[A-Z]{3}$")
_MONEY_SIGN: Final = re.compile(r"(₽|руб\.?|€|\$|zł|£|₸|^[A-Z]{3}(?=[\d-])|(?<=\d)[A-Z]{3}$)")
_PARTS: Final = re.compile(r"^(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})")
_WORDY: Final = re.compile(
    r"^(?:[^\W\d]+\.?,?\s+)?(?:(\d{1,2})\.?\s+([^\W\d]{3,})\.?,?\s+(\d{4})|([^\W\d]{3,})\.?\s+(\d{1,2}),?\s+(\d{4}))"
)
_ORDERS: Final[tuple[Order, ...]] = ("dmy", "mdy")
_CUT_ID: Final = re.compile(r"^\d[.,]\d+E\+\d+$", re.IGNORECASE)


class Unreadable(ValueError):
    """The cell holds something else."""


def header_name(text: str) -> tuple[str, str]:
    """A column's name as words.COLUMNS has it, and the currency in it, if any: "Расход (руб.)" -> расход, RUB."""
    name, currency = " ".join(text.replace("\ufeff", "").replace("\u00a0", " ").split()), ""
    while match := _IN_BRACKETS.search(name):
        inside = match[1].strip()
        sign = inside if _CODE.match(inside) else SIGNS_OF_MONEY.get(inside.lower(), "")
        if not sign and inside.lower() not in SIGNS_OF_MONEY:
            break
        name, currency = name[: match.start()], sign or currency
    head, _, tail = name.rpartition(",")
    if head and (tail.strip().lower() in SIGNS_OF_MONEY or _CODE.match(tail.strip())):
        name, currency = head, SIGNS_OF_MONEY.get(tail.strip().lower(), tail.strip())
    return name.strip().lower(), currency


# ── numbers ──


def decimals_of(values: Iterable[Any], heads: Iterable[str]) -> Decimals:
    """Which sign stands before decimals: told by values that can be read one way only, else by the file's language."""
    for value in values:
        text = _bare(value) if isinstance(value, str) else ""
        comma, dot = text.rfind(","), text.rfind(".")
        if comma >= 0 and dot >= 0:
            return "," if comma > dot else "."
        for sign, other, place in ((",", ".", comma), (".", ",", dot)):
            if place >= 0 and text.count(sign) > 1:
                return other  # type: ignore[return-value]
            if place >= 0 and len(text) - place - 1 != 3:
                return sign  # type: ignore[return-value]
    names = [head.lower() for head in heads]
    return "," if any(word in name for name in names for word in NOT_ENGLISH_NUMBERS) else "."


def number(value: Any, decimals: Decimals) -> Decimal:
    """The number in a cell; an empty one or "--" is 0, "< 10" is its bound.

    raises   Unreadable, also for a number that no report holds
    """
    if not isinstance(value, str):
        return _bounded(value, Decimal(repr(value)) if isinstance(value, float) else Decimal(value))
    if len(value) > LONGEST_NUMBER:
        raise Unreadable(value)
    text = _bare(value)
    if text.lower() in EMPTY:
        return Decimal(0)
    is_negative = text.startswith("(") and text.endswith(")")
    text = text.strip("()").lstrip("<>").rstrip("%").replace("\u2212", "-")
    text = text.replace("." if decimals == "," else ",", "").replace(",", ".")
    try:
        found = Decimal(text)
    except InvalidOperation as error:
        raise Unreadable(value) from error
    return _bounded(value, -found if is_negative else found)


def _bounded(value: Any, found: Decimal) -> Decimal:
    """A number of 18 digits at most before and behind the point.

    1e7000000 is nine letters, and takes hours once it is written out or made a whole number.
    """
    if not found.is_finite():
        raise Unreadable(value)
    if not found:
        return Decimal(0)
    if not -DIGITS <= found.adjusted() < DIGITS:
        raise Unreadable(value)
    return found


def whole(value: Any, decimals: Decimals) -> int:
    """The whole number in a cell.

    raises   Unreadable, also when there are decimals behind it
    """
    found = number(value, decimals)
    if found != found.to_integral_value() or found > MOST_COUNTED:
        raise Unreadable(value)
    return int(found)


def money(value: Any, decimals: Decimals) -> Decimal:
    """The amount in a cell.

    raises   Unreadable, also for more than a row of a report can cost
    """
    found = number(value, decimals)
    if abs(found) > MOST_MONEY:
        raise Unreadable(value)
    return found


def _bare(text: str) -> str:
    return _MONEY_SIGN.sub("", _SPACES.sub("", text)).strip()


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


# ── days ──


def order_of(values: Iterable[str], today: date) -> Order | None:
    """Whether days or months come first; None when nothing tells.

    Told by dates that can be read one way only; else by the reading whose days follow one another, and lie in the past.
    """
    parts = [match for text in values if (match := _PARTS.match(text)) and len(match[1]) <= 2]
    for match in parts:
        if int(match[1]) > 12 or "." in match[0][:3]:
            return "dmy"
        if int(match[2]) > 12:
            return "mdy"
    if not parts or all(p[1] == p[2] for p in parts):
        return "dmy"
    readings = {o: {_from_parts(p[1], p[2], p[3], o) for p in parts} for o in _ORDERS}
    tight = [o for o, days in readings.items() if (max(days) - min(days)).days < 2 * len(days) and max(days) <= today]
    return tight[0] if len(tight) == 1 else None


def day(value: Any, order: Order) -> date:
    """The day in a cell: 2026-10-31, 31.10.2026, 10/31/2026, Oct 31, 2026, 31 октября 2026 г.

    raises   Unreadable
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value).strip()
    try:
        if len(text) >= 10 and text[4:5] == "-":
            return date.fromisoformat(text[:10])
        if match := _PARTS.match(text):
            return _from_parts(match[1], match[2], match[3], order)
        if len(text) == 8 and text.isdigit():
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
        if match := _WORDY.match(text):
            name, on, year = (match[2], match[1], match[3]) if match[1] else (match[4], match[5], match[6])
            return date(int(year), MONTHS[name[:3].lower()], int(on))
    except (ValueError, KeyError) as error:
        raise Unreadable(text) from error
    raise Unreadable(text)


def _from_parts(one: str, two: str, three: str, order: Order) -> date:
    if len(one) == 4:
        return date(int(one), int(two), int(three))
    year = int(three) + (2000 if len(three) == 2 else 0)
    first, second = int(one), int(two)
    return date(year, first, second) if order == "mdy" else date(year, second, first)


def days_in(text: str) -> list[date]:
    """All days named in a line above the table, as "1 October 2026 - 31 October 2026"."""
    found = []
    for part in re.split(r"\s+[-–—]\s+|\s+по\s+|\bto\b|\bdo\b|[\"(),;]\s*(?!\s*\d{4})", text):
        try:
            found.append(day(part.strip().strip('"().'), "dmy"))
        except Unreadable:
            continue
    return found
