"""Cells of the CSV files that the product writes: no spreadsheet takes one for a formula."""

import re
from typing import Any

_FORMULA = re.compile(r"\s*[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def safe_cell(value: Any) -> Any:
    """The value as it may stand in a file: text that a spreadsheet would work out gets an apostrophe in front.

    Numbers are none, negative ones included.
    """
    if not isinstance(value, str) or not _FORMULA.match(value) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}"
