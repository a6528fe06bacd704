"""The process that opens spreadsheets and archives. It is run as a script, knows nothing of the product, and may die.

It writes frames to its output: four bytes of length, then MessagePack. Whatever it reads, it cannot hold more memory,
use more time or write any file than the limits that it sets itself before it opens anything.
"""

import gzip
import os
import resource
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from typing import IO, Any

import msgspec

MEMORY = 1 << 30
CPU_S = 120
"""Seconds of CPU that a file may cost."""
MOST_CELLS = 20_000_000
"""Empty ones too: a reader holds the whole rectangle from the first cell to the last."""
MOST_LINES, MOST_COLUMNS = 1_048_576, 16_384
"""The last cell of a spreadsheet is XFD1048576."""
LONGEST_CELL = 1 << 20
LONGEST_ROW = 4 << 20
MOST_SHEETS = 100
MOST_MEMBERS = 1_000
MOST_FRAME = 32 << 20
FRAME_CELLS = 20_000
BLOCK = 256 << 10
ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")


class FileRefused(Exception):
    """A file that is not read, by the code of its reason."""


def limit(memory: int = MEMORY, cpu_s: int = CPU_S) -> None:
    """Limits that the kernel keeps. Some systems know not all of them."""
    kinds = {
        resource.RLIMIT_AS: memory, resource.RLIMIT_CPU: cpu_s, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 32,
    }  # fmt: skip
    for kind, most in kinds.items():
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most + (kind == resource.RLIMIT_CPU)))  # the softer one names the cause


def send(out: IO[bytes], message: Any) -> None:
    body = msgspec.msgpack.encode(message)
    if len(body) > MOST_FRAME:
        raise FileRefused("long_row")
    out.write(len(body).to_bytes(4, "big") + body)


# ── spreadsheets ──


def heads(out: IO[bytes], path: str, rows: str) -> None:
    """The first rows of each sheet, one frame a sheet."""
    book, cells = _book(path), 0
    for number in range(len(book.sheet_names)):
        sheets = []
        sheet = book.get_sheet_by_index(number)
        cells += _size(sheet)
        if cells > MOST_CELLS:  # of all sheets together: each of them is read whole
            raise FileRefused("many_cells")
        for one in _rows(sheet):
            sheets.append(one)
            if len(sheets) >= int(rows):
                break
        send(out, sheets)


def rows(out: IO[bytes], path: str, number: str) -> None:
    """All rows of one sheet: its line, then its cells."""
    batch, cells = list[Any](), 0
    for line, row in _rows(_book(path).get_sheet_by_index(int(number))):
        batch.append((line, row))
        cells += len(row) + sum(len(cell) >> 6 for cell in row if isinstance(cell, str))
        if cells >= FRAME_CELLS:
            send(out, batch)
            batch, cells = [], 0
    send(out, batch)


def _book(path: str) -> Any:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(path)
    except (CalamineError, OSError) as error:
        raise FileRefused("unreadable") from error
    if len(book.sheet_names) > MOST_SHEETS:
        raise FileRefused("many_sheets")
    return book


def _rows(sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    if _size(sheet) > MOST_CELLS or sheet.width > MOST_COLUMNS:
        raise FileRefused("many_cells")
    for line, row in enumerate(sheet.iter_rows(), 1):  # empty rows above the table are among them
        cells = [_cell(cell) for cell in row]
        if sum(len(cell) for cell in cells if isinstance(cell, str)) > LONGEST_ROW:
            raise FileRefused("long_row")
        yield line, cells


def _size(sheet: Any) -> int:
    """How many cells the reader goes through: empty rows above the first cell are among them.

    raises   FileRefused when a cell names a place that no spreadsheet has: billions of rows would stand above it
    """
    if sheet.end is None:
        return 0
    row, column = sheet.end
    if row >= MOST_LINES or column >= MOST_COLUMNS:
        raise FileRefused("many_cells")
    return int((row + 1) * sheet.width)


def _cell(cell: Any) -> Any:
    """Texts and numbers as they are; days as ISO text, so that both kinds of file are read by one code."""
    if isinstance(cell, str):
        if len(cell) > LONGEST_CELL:
            raise FileRefused("long_row")
        return cell
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return str(cell)
    return cell if isinstance(cell, float) or -(1 << 63) <= cell < 1 << 63 else float(cell)


# ── archives ──


def unpack(out: IO[bytes], path: str, most: str) -> None:
    """The bytes of the only file in an archive, block by block."""
    with open(path, "rb") as packed:
        is_gzip = packed.read(2) == b"\x1f\x8b"
        packed.seek(0)
        if is_gzip:
            with gzip.GzipFile(fileobj=packed) as file:
                _copy(out, file, int(most))
            return
        with zipfile.ZipFile(packed) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and not _is_of_system(m.filename)]
            if len(archive.infolist()) > MOST_MEMBERS:
                raise FileRefused("many_members")
            if not members:
                raise FileRefused("empty")
            if len(members) > 1:
                raise FileRefused("several")
            if members[0].file_size > int(most):
                raise FileRefused("unpacked")
            if members[0].flag_bits & 1:
                raise FileRefused("locked")
            with archive.open(members[0]) as file:
                _copy(out, file, int(most))


def _is_of_system(name: str) -> bool:
    """Whether a file was put into the archive by a system, not by a person: macOS does so."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2] == ".DS_Store"


def _copy(out: IO[bytes], file: Any, most: int) -> None:
    size = 0
    while block := file.read(BLOCK):
        if not size and block.startswith(ARCHIVES):
            raise FileRefused("nested")
        size += len(block)
        if size > most:
            raise FileRefused("unpacked")
        send(out, block)


DOINGS = {"heads": heads, "rows": rows, "unpack": unpack}


def main() -> None:
    """`child.py heads|rows|unpack <file> <number>`; the last frame says how it ended."""
    limit()
    name, *words = sys.argv[1:]
    out, end = os.fdopen(os.dup(1), "wb"), "done"
    try:
        DOINGS[name](out, *words)
    except FileRefused as error:
        end = str(error)
    except BrokenPipeError:
        os._exit(0)
    except MemoryError:
        end = "memory"
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError):
        end = "unreadable"
    except BaseException:  # noqa: BLE001 - the edge of the process: a panic of the reader is none of Exception
        end = "unreadable"
    with suppress(BrokenPipeError):
        send(out, end)
        out.flush()
    os._exit(0)  # what the reader holds need not be tidied


if __name__ == "__main__":
    main()
