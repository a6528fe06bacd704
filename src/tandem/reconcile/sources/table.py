"""A report as lines of cells, and numbers as the event store holds them."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

from tandem.imports import cells, text
from tandem.imports.cells import Decimals, Unreadable

Cells = list[str]
LARGEST: Final = Decimal(10) ** 13
"""Nothing that a site counts is larger, and the event store holds no more."""
_SPAN: Final = re.compile(
    r"^(\d{4}-\d\d-\d\d|\d{8}|\d{1,2}[./]\d{1,2}[./]\d{4})\s*(?:-|–|—|to|по|do)\s*(\d{4}-\d\d-\d\d|\d{8}|[\d./]+)$"
)


def lines_of(path: Path) -> Iterator[tuple[int, Cells]]:
    """Line numbers and cells, empty lines too.

    raises   NotText; UserError as `imports.text.records`
    """
    for line, row in text.table(path):
        yield line, [cell.strip() for cell in row]


def number(cell: str, decimals: Decimals) -> Decimal:
    """The number in a cell, to four decimal places; an empty one is 0.

    raises   Unreadable
    """
    rounded = cells.number(cell, decimals).quantize(Decimal("0.0001"))
    if abs(rounded) >= LARGEST:
        raise Unreadable(cell)
    return rounded


def span_in(cell: str) -> tuple[str, str] | None:
    """The two ends of a cell that stands for several days."""
    match = _SPAN.match(cell.strip())
    return (match[1], match[2]) if match else None
