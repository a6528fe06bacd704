"""A file as a table whose kind is found out: text with one of several delimiters, or a sheet of a spreadsheet."""

from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tandem.base.errors import UserError
from tandem.imports import text
from tandem.imports.process import UnreadableFile, ask
from tandem.imports.text import NotText

Cells = list[Any]
HEAD_LINES = 40


class NotATable(Exception):
    """The file is neither text nor a spreadsheet."""


class Form(NamedTuple):
    """How a file is written; `sheet` for spreadsheets, `delimiter` for text; `skipped` lines stand before the table."""

    encoding: str
    delimiter: str = ""
    sheet: int = 0
    skipped: int = 0


def is_spreadsheet(path: Path) -> bool:
    """XLSX and ODS are zips, XLS an OLE file."""
    with path.open("rb") as file:
        return file.read(8).startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"))


def forms_of(path: Path) -> list[tuple[Form, list[tuple[int, Cells]]]]:
    """The ways this file can be read, each with the first rows that it gives; which one is right, they show.

    raises   NotATable; UserError when a spreadsheet passes a limit, or a line of text does
    """
    if is_spreadsheet(path):
        return [(Form("", sheet=i), _listed(rows)) for i, rows in enumerate(_asked("heads", path, HEAD_LINES))]
    try:
        encoding = text.encoding_of(path)
    except NotText as error:
        raise NotATable from error
    named = text.named_delimiter(path, encoding)
    if named:
        forms = [Form(encoding, named, skipped=1)]
    else:  # whether tabs are quoted shows the whole file, which is not read for a file without any
        has_tabs = any("\t" in line for line in text.first_lines(path, encoding))
        forms = [Form(encoding, sign) for sign in text.DELIMITERS if sign != "\t" or has_tabs]
    return [(form, _head(path, form)) for form in forms]


def _head(path: Path, form: Form) -> list[tuple[int, Cells]]:
    """The first rows. What is wrong behind them shows when all are read, if this is the right form at all."""
    head = list[tuple[int, Cells]]()
    with closing(rows_of(path, form)) as rows, suppress(UserError):
        for line, cells in rows:
            if line > HEAD_LINES:
                break
            head.append((line, cells))
    return head


def rows_of(path: Path, form: Form) -> Generator[tuple[int, Cells], None, None]:
    """Line numbers and cells, one row after another; the file is never in memory as a whole.

    raises   NotATable; UserError when it passes a limit
    """
    if not form.delimiter:
        for batch in _asked("rows", path, form.sheet):
            yield from _listed(batch)
        return
    try:
        yield from text.records(path, form.encoding, form.delimiter, form.skipped)
    except NotText as error:
        raise NotATable from error


def _asked(what: str, path: Path, number: int) -> Iterator[Any]:
    try:
        yield from ask(what, path, number)
    except UnreadableFile as error:
        raise NotATable from error


def _listed(rows: list[list[Any]]) -> list[tuple[int, Cells]]:
    return [(line, cells) for line, cells in rows]
