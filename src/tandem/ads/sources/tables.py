"""Files as rows of cells, one at a time: encoding, delimiter and kind of file are found out."""

import codecs
import csv
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from python_calamine import CalamineError, CalamineWorkbook

Cells = list[Any]
HEAD_LINES = 40
DELIMITERS = ("\t", ";", ",")
LONGEST_CELL = 1 << 20


class NotATable(Exception):
    """The file is neither text nor a spreadsheet."""


class Form(NamedTuple):
    """How a file is written; `sheet` for spreadsheets, `delimiter` for text."""

    encoding: str
    delimiter: str = ""
    sheet: int = 0


def is_spreadsheet(path: Path) -> bool:
    """XLSX is a zip, XLS an OLE file."""
    with path.open("rb") as file:
        return file.read(8).startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"))


def encoding_of(path: Path) -> str:
    """UTF-8 or UTF-16 by their mark, UTF-16 by its zero bytes, else UTF-8 if the whole file is, else windows-1251.

    raises   NotATable for bytes that are no text
    """
    with path.open("rb") as file:
        begin = file.read(4096)
        for mark, name in (
            (codecs.BOM_UTF8, "utf-8-sig"),
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
        ):
            if begin.startswith(mark):
                return name
        zeros = begin.count(0)
        if zeros:
            if zeros < len(begin) * 0.2:
                raise NotATable
            return "utf-16-le" if begin[1::2].count(0) > begin[::2].count(0) else "utf-16-be"
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while block := file.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1251"
    return "utf-8"


def forms_of(path: Path) -> list[Form]:
    """The ways this file can be read; which one is right shows its head.

    raises   NotATable
    """
    if is_spreadsheet(path):
        with closing(_workbook(path)) as book:
            return [Form("", sheet=i) for i in range(len(book.sheet_names))]
    encoding = encoding_of(path)
    return [Form(encoding, delimiter) for delimiter in DELIMITERS]


def rows_of(path: Path, form: Form) -> Iterator[tuple[int, Cells]]:
    """Line numbers and cells, one row after another; the file is never in memory as a whole, unless a spreadsheet.

    raises   NotATable
    """
    if not form.delimiter:
        with closing(_workbook(path)) as book:
            sheet = book.get_sheet_by_index(form.sheet)
            for line, row in enumerate(sheet.iter_rows(), 1 + (sheet.start[0] if sheet.start else 0)):
                yield line, [_cell(cell) for cell in row]
        return
    csv.field_size_limit(min(LONGEST_CELL, sys.maxsize))
    try:
        with path.open(encoding=form.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=form.delimiter)
            for cells in reader:
                yield reader.line_num, cells
    except (UnicodeDecodeError, csv.Error) as error:
        raise NotATable from error


def _workbook(path: Path) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_path(str(path))
    except (CalamineError, OSError) as error:
        raise NotATable from error


def _cell(cell: Any) -> Any:
    """Texts and numbers as they are; days as ISO text, so that both kinds of file are read by one code."""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, bool):
        return str(cell)
    return "" if cell is None else cell
