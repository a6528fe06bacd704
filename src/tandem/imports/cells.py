"""Cells of tables: numbers and days as many systems and three languages write them."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from tandem.base.currencies import split_amount

Order = Literal["", "dmy", "mdy"]
"""Whether the day or the month comes first; empty: the file says it."""
Decimals = Literal[",", "."]
ORDERS: Final[dict[str, Order]] = {"": "", "dmy": "dmy", "mdy": "mdy"}
EMPTY: Final = frozenset(("", "--", "-", "—", "–", "n/a", "na", "null", "none", "(not set)"))
DIGITS, LONGEST_NUMBER, LONGEST_DAY = 18, 100, 100
_ENGLISH, _RUSSIAN, _POLISH = (
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    ("янв", "фев", "мар", "апр", "мая", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"),
    ("sty", "lut", "mar", "kwi", "maj", "cze", "lip", "sie", "wrz", "paź", "lis", "gru"),
)
MONTHS: Final = {
    **{name: i for names in (_ENGLISH, _RUSSIAN, _POLISH) for i, name in enumerate(names, 1)},
    "май": 5, "mai": 5, "okt": 10, "dez": 12, "mär": 3,
}  # fmt: skip
"""The first three letters of a month's name, in four languages."""
_SPACES: Final = re.compile(r"[\s'’]+")
_PARTS: Final = re.compile(r"^(\d{1,4})[./-](\d{1,2})[./-](\d{4}|\d{2})(?=$|[\sTг,])")
_WORDY: Final = re.compile(
    r"^(?:[^\W\d]+\.?,?\s+)?(?:(\d{1,2})\.?\s+([^\W\d]{3,})\.?,?\s+(\d{4})|([^\W\d]{3,})\.?\s+(\d{1,2}),?\s+(\d{4}))"
)
_TIME: Final = re.compile(
    r"(?:\s*(?:г|r)\.|\s+(?:года|roku))?(?:[\s,T]+(?:at\s+|в\s+|o\s+)?(\d{1,2}):(\d\d)(?::(\d\d))?)?", re.IGNORECASE
)
"""What may follow a day: the word for year, and the time."""
_FRACTION: Final = re.compile(r"^[-\u2212(]*0([.,])\d")
"""Below one: what follows the zero stands before decimals."""
_GROUPED: Final = {
    sign: re.compile(rf"^[-+]?[1-9]\d{{0,2}}(?:\{sign}\d{{2,3}})*\{sign}\d{{3}}(?:\{decimal}\d*)?$")
    for sign, decimal in (".,", ",.")
}
"""Thousands, and hundreds of thousands as India writes them: 12,34,567."""
_ORDERS: Final[tuple[Order, ...]] = ("dmy", "mdy")


class Unreadable(ValueError):
    """The cell holds something else."""


# ── numbers ──


def decimals_of(values: Iterable[Any], is_local: bool) -> Decimals:
    """Which sign stands before decimals: told by values that can be read one way only, else by the file's language.

    is_local   the file is in a language that writes a comma there
    """
    for value in values:
        text = bare(value) if isinstance(value, str) else ""
        if match := _FRACTION.match(text):
            return match[1]  # type: ignore[return-value]
        comma, dot = text.rfind(","), text.rfind(".")
        if comma >= 0 and dot >= 0:
            return "," if comma > dot else "."
        for sign, other, place in ((",", ".", comma), (".", ",", dot)):
            if place >= 0 and text.count(sign) > 1:
                return other  # type: ignore[return-value]
            if place >= 0 and len(text) - place - 1 != 3:
                return sign  # type: ignore[return-value]
    return "," if is_local else "."


def number(value: Any, decimals: Decimals) -> Decimal:
    """The number in a cell; an empty one or "--" is 0, one in brackets is below zero.

    raises   Unreadable, also for a number of more than 18 digits before or behind the point, and where what should
             part thousands stands elsewhere: without it the number would be ten or a thousand times as large
    """
    if not isinstance(value, str):
        return _bounded(value, Decimal(repr(value)) if isinstance(value, float) else Decimal(value))
    if len(value) > LONGEST_NUMBER:
        raise Unreadable(value)
    text = bare(value)
    if text.lower() in EMPTY:
        return Decimal(0)
    is_negative = text.startswith("(") and text.endswith(")")
    text = (text[1:-1] if is_negative else text).replace("\u2212", "-")
    if "_" in text or (is_negative and text[:1] in ("-", "+")):  # Python reads 1_000, and −(−5) may be meant as either
        raise Unreadable(value)
    grouping = "." if decimals == "," else ","
    if grouping in text and not _GROUPED[grouping].match(text):
        raise Unreadable(value)
    text = text.replace(grouping, "").replace(",", ".")
    try:
        parsed = Decimal(text)
    except InvalidOperation as error:
        raise Unreadable(value) from error
    return _bounded(value, -parsed if is_negative else parsed)


def _bounded(value: Any, parsed: Decimal) -> Decimal:
    """1e7000000 is nine letters, and takes hours once it is written out or made a whole number."""
    if not parsed.is_finite():
        raise Unreadable(value)
    if not parsed:
        return Decimal(0)
    if not -DIGITS <= parsed.adjusted() < DIGITS:
        raise Unreadable(value)
    return parsed


def bare(text: str) -> str:
    """A number without spaces, apostrophes and what says its currency."""
    return split_amount(squeezed(text))[0]


def squeezed(text: str) -> str:
    """A number without spaces and apostrophes, which may part its thousands."""
    return _SPACES.sub("", text)


# ── days ──


def order_of(values: Iterable[str], today: date) -> Order | None:
    """Whether days or months come first; None when nothing tells.

    Told by dates that can be read one way only; else by the reading whose days follow one another, and lie in the past.
    """
    parts = _parts_in(values)
    if stated := _order_in(parts):
        return stated
    if not parts or all(p[1] == p[2] for p in parts):
        return "dmy"
    tight = [order for order in _ORDERS if _is_tight(parts, order, today)]
    return tight[0] if len(tight) == 1 else None


def order_stated(values: Iterable[str]) -> Order:
    """The same for days that need not follow one another: by those that can be read one way only; "" where none can."""
    return _order_in(_parts_in(values))


def _parts_in(values: Iterable[str]) -> list[re.Match[str]]:
    return [match for text in values if (match := _PARTS.match(text)) and len(match[1]) <= 2]


def _order_in(parts: list[re.Match[str]]) -> Order:
    for match in parts:
        if int(match[1]) > 12 or "." in match[0][:3]:
            return "dmy"
        if int(match[2]) > 12:
            return "mdy"
    return ""


def _is_tight(parts: list[re.Match[str]], order: Order, today: date) -> bool:
    try:
        days = {_from_parts(p[1], p[2], p[3], order) for p in parts}
    except ValueError:
        return False
    return (max(days) - min(days)).days < 2 * len(days) and max(days) <= today


def day(value: Any, order: Order) -> date:
    """The day in a cell: 20261031, 2026-10-31, 31.10.2026, 10/31/2026, Oct 31, 2026, 31 октября 2026 г.

    raises   Unreadable
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    return _day_and_rest(str(value).strip(), order)[0]


def moment(text: str, order: Order) -> datetime:
    """Day and time in a cell: ISO 8601, or a day as `day` reads it, and the time behind it; without one, midnight.

    returns   without a time zone where the cell has none
    raises    Unreadable, also for anything else behind the day, because it may be a time
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    on, rest = _day_and_rest(text, order)
    match = _TIME.fullmatch(rest)
    if not match:
        raise Unreadable(text)
    hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return datetime(on.year, on.month, on.day, hour, minute, second)
    except ValueError as error:
        raise Unreadable(text) from error


def _day_and_rest(text: str, order: Order) -> tuple[date, str]:
    if len(text) > LONGEST_DAY:
        raise Unreadable(text[:LONGEST_DAY])
    try:
        if len(text) >= 10 and text[4:5] == "-":
            return date.fromisoformat(text[:10]), text[10:]
        if match := _PARTS.match(text):
            return _from_parts(match[1], match[2], match[3], order), text[match.end() :]
        if len(text) == 8 and text.isdigit():
            return date(int(text[:4]), int(text[4:6]), int(text[6:])), ""
        if match := _WORDY.match(text):
            name, on, year = (match[2], match[1], match[3]) if match[1] else (match[4], match[5], match[6])
            return date(int(year), MONTHS[name[:3].lower()], int(on)), text[match.end() :]
    except (ValueError, KeyError) as error:
        raise Unreadable(text) from error
    raise Unreadable(text)


def _from_parts(one: str, two: str, three: str, order: Order) -> date:
    if len(one) == 4:
        return date(int(one), int(two), int(three))
    year = int(three) + (2000 if len(three) == 2 else 0)
    first, second = int(one), int(two)
    return date(year, first, second) if order == "mdy" else date(year, second, first)
