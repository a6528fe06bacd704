"""Cells of the CSV files that the product writes: no spreadsheet takes one for a formula, wherever it splits a line."""

import re
from typing import Any

_FORMULA = re.compile(r"\s*[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
# Where a list is parted by ";" (Polish and Russian Excel), a line is cut there, also within what commas and quotes hold
# together. Numbers stay, and "+http://", as robots sign: no spreadsheet can work that out.
_LATER_FORMULA = re.compile(
    r"([;,|\t\r\n])(?=[ \f\v\"]*[=+\-@＝＋－＠])"
    r"(?! *[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?:[;,|\t\r\n]|\Z))(?! *\+https?://)"
)


def safe_cell(value: Any) -> Any:
    """The value as it may stand in a file: text that a spreadsheet would work out gets an apostrophe in front.

    So does what would be worked out behind a semicolon, comma, tab, bar or line break inside the text, where a
    spreadsheet may part cells. Numbers are none, negative ones included.
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    text = _LATER_FORMULA.sub(r"\1'", value)
    return f"'{text}" if _FORMULA.match(value) else text
