"""Delimited text as records of cells, a line at a time: encoding, `sep=`, and limits that no file can pass."""

import codecs
import csv
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, NoReturn

from tandem.base.errors import UserError
from tandem.imports.one_byte import one_byte_encoding

LONGEST_LINE = LONGEST_CELL = 1 << 20
LONGEST_RECORD = 4 << 20
MOST_COLUMNS = 16_384
MOST_ROWS, MOST_RECORDS = 200_000, 10_000_000
"""Rows of a table that is looked at as a whole; and of any file: the largest has fewer, unless lines are empty."""
BLOCK = 256 << 10
SAMPLE = 64 << 10
DELIMITERS = ("\t", ";", ",", "|")
OTHERS = (b"PK\x03\x04", b"PK\x00", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"%PDF", b"\x89PNG", b"\xff\xd8\xff")
"""How spreadsheets, archives, documents and pictures begin."""
_END = "\0"
"""Stands behind the last line: where it is found inside a cell, a quote was never closed. No file holds zero bytes, and
so none names one as its delimiter."""


Records = Generator[tuple[int, list[str]], None, None]
"""The number of its last line and the cells of each record."""


class NotText(Exception):
    """The bytes are no text."""


class _Endless(Exception):
    """A record goes on over more lines than any table needs."""


def encoding_of(path: Path, otherwise: str = "cp1251") -> str:
    """UTF-8 or UTF-16 by their mark, UTF-16 by its zero bytes, else UTF-8 if the whole file is, else what words tell.

    The whole file is looked through once, so that nothing later meets a line that is too long or a zero byte.
    raises   NotText; UserError for a line longer than a megabyte
    """
    with path.open("rb") as file:
        name = _by_its_beginning(file.read(4096))
        file.seek(0)
        if name.startswith("utf-16"):
            _check_text(file, name)
            return name
        if found := _checked(file, name or "utf-8"):
            return found
        file.seek(0)
        return one_byte_encoding(file, otherwise)


def _by_its_beginning(begin: bytes) -> str:
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    for mark, name in marks.items():
        if begin.startswith(mark):
            return name
    zeros = begin.count(0)
    if begin.startswith(OTHERS) or 0 < zeros < len(begin) * 0.2:
        raise NotText
    if not zeros:
        return ""
    return "utf-16-le" if begin[1::2].count(0) > begin[::2].count(0) else "utf-16-be"


def _checked(file: IO[bytes], name: str) -> str:
    """The name if the whole file is in this encoding, else nothing."""
    decoder, is_right, count, width = codecs.getincrementaldecoder(name)(), True, 0, 0
    while block := file.read(BLOCK):
        if b"\0" in block:
            raise NotText
        width = _width(block, width, count, b"\n", b"\r")
        count += block.count(b"\n")
        if is_right:
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                is_right = False
    if is_right:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            is_right = False
    if not is_right and name == "utf-8-sig":
        raise NotText
    return name if is_right else ""


def _check_text(file: IO[bytes], name: str) -> None:
    decoder, count, width = codecs.getincrementaldecoder(name)(), 0, 0
    try:
        while block := file.read(BLOCK):
            text = decoder.decode(block)
            if "\0" in text:
                raise NotText
            width = _width(text, width, count, "\n", "\r")
            count += text.count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise NotText from error


def _width(block: bytes | str, width: int, count: int, *ends: bytes | str) -> int:
    """How long the line is that is open at the end of the block.

    Whole lines inside a block are shorter than it, and a block is shorter than the limit.
    """
    last = max(block.rfind(end) for end in ends)  # type: ignore[arg-type]
    if last < 0:
        width += len(block)
    else:
        first = min(found for end in ends if (found := block.find(end)) >= 0)  # type: ignore[arg-type]
        if width + first > LONGEST_LINE:
            _too_long(count + 1)
        width = len(block) - last - 1
    if width > LONGEST_LINE:
        _too_long(count + 1)
    return width


def _too_long(line: int) -> NoReturn:
    raise UserError("Line %(line)s is longer than 1 MB.", "Export the table again, with one row per line.", line=line)


def first_lines(path: Path, encoding: str, most: int = 200) -> list[str]:
    """The first lines, with their ends, of at most 64,000 characters together."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        return file.read(SAMPLE).splitlines(keepends=True)[:most]


def line_count(path: Path) -> int:
    """About how many lines a file has, to tell how far its reading is."""
    count = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            count += max(block.count(b"\n"), block.count(b"\r"))
    return count


def table(path: Path, otherwise: str = "cp1251", errors: str = "strict") -> Records:
    """Line numbers and cells of a table whose encoding and delimiter are found out; empty lines too.

    otherwise   the encoding of a file that is not Unicode, where its words do not tell
    raises      NotText; UserError as `records`, and for more than MOST_ROWS
    """
    encoding = encoding_of(path, otherwise)
    named = named_delimiter(path, encoding)
    delimiter = named or delimiter_of(first_lines(path, encoding))
    return _few(records(path, encoding, delimiter, skipped=int(bool(named)), errors=errors))


def _few(rows: Records) -> Records:
    # Counted while they are read: what ends a record is not only a line feed.
    with closing(rows):
        for number, row in enumerate(rows, 1):
            if number > MOST_ROWS:
                raise UserError("The file has more than 200,000 rows.", "Import it in parts.")
            yield row


def delimiter_of(lines: Sequence[str]) -> str:
    """The delimiter that stands equally often in most of the lines; comments, which begin with #, do not count."""
    return max(DELIMITERS, key=lambda sign: _evenness(lines, sign))


def _evenness(lines: Sequence[str], sign: str) -> int:
    counts = [count for line in lines if not line.startswith("#") and (count := line.count(sign))]
    return max((counts.count(n) for n in set(counts)), default=0)


def named_delimiter(path: Path, encoding: str) -> str:
    """The delimiter that a first line `sep=;` names, as spreadsheets write it; empty without one."""
    begin = "".join(first_lines(path, encoding, 1)).lstrip("\ufeff").rstrip("\r\n").strip('"')
    return begin[4] if len(begin) == 5 and begin[:4].lower() == "sep=" else ""


def records(path: Path, encoding: str, delimiter: str, skipped: int = 0, errors: str = "strict") -> Records:
    """The number of its last line and the cells of each record.

    skipped  lines before the first record
    raises   NotText; UserError for a quote that is never closed, for a record without bounds, and for MOST_RECORDS
    """
    try:
        is_plain = delimiter == "\t" and not _is_quoted(path, encoding)
        with path.open(encoding=encoding, errors=errors, newline="") as file:
            for _ in range(skipped):
                file.readline(LONGEST_LINE)
            yield from _plain(file, skipped) if is_plain else parsed(file, delimiter, skipped)
    except UnicodeDecodeError as error:
        raise NotText from error


def _is_quoted(path: Path, encoding: str) -> bool:
    """Whether quotes in a tab-separated file hold tabs or line ends together.

    The format has no quoting (IANA, text/tab-separated-values), but spreadsheets write it so. Then a line with a quote
    has another number of tabs than lines mostly have; where none has, a quote is a sign like others.
    """
    if not _has_quotes(path):
        return False
    widths, with_quotes = Counter[int](), Counter[int]()
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        for line in file:
            tabs, quotes = line.count("\t"), line.count('"')
            widths[tabs] += tabs > 0  # a line above the table has none, and may have quotes around it
            with_quotes[tabs] += quotes > 0 if tabs else quotes % 2
    usual = max(widths, key=widths.__getitem__, default=0)
    return any(count for tabs, count in with_quotes.items() if tabs != usual)


def _has_quotes(path: Path) -> bool:
    with path.open("rb") as file:
        return any(b'"' in block for block in iter(lambda: file.read(BLOCK), b""))


def _plain(lines: Iterable[str], skipped: int) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, skipped + 1):
        if number > MOST_RECORDS:
            _too_many()
        text = line.rstrip("\r\n")
        if text.count("\t") >= MOST_COLUMNS:
            _too_wide(number)
        yield number, [_unquoted(cell) for cell in text.split("\t")] if text else []


def _unquoted(cell: str) -> str:
    """A cell without the quotes that stand around all of it, as some systems put them around each."""
    inner = cell[1:-1].replace('""', "")
    is_around = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner
    return cell[1:-1].replace('""', '"') if is_around else cell


def _too_wide(line: int) -> NoReturn:
    raise UserError("Line %(line)s has more than 16,384 columns.", "Export fewer columns.", line=line)


def _too_many() -> NoReturn:
    raise UserError("The file has more than 10,000,000 rows.", "Import it in parts.")


def parsed(lines: Iterable[str], delimiter: str, skipped: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Records out of lines that are bounded already, behind `skipped` others; raises UserError as `records` does."""
    csv.field_size_limit(LONGEST_CELL)
    size, is_over = 0, False

    def bounded() -> Iterator[str]:
        """The lines, as long as they make up records: one that goes on over many lines is bounded as a whole."""
        nonlocal size, is_over
        for line in lines:
            size += len(line)
            if size > LONGEST_RECORD:
                raise _Endless
            yield line
        is_over = True
        yield _END

    reader = csv.reader(bounded(), delimiter=delimiter)
    ends = skipped
    try:
        for cells in reader:
            begins, ends, size = ends + 1, skipped + reader.line_num, 0
            if is_over:  # an open quote takes the end into its cell
                if cells == [_END]:
                    return
                raise UserError(
                    "A quote opened in line %(line)s is never closed.",
                    "Close or remove it, or export the file again.", line=begins,
                )  # fmt: skip
            if len(cells) > MOST_COLUMNS:
                _too_wide(ends)
            if ends > MOST_RECORDS:
                _too_many()
            yield ends, cells
    except (csv.Error, _Endless) as error:
        if "limit" not in str(error) and not isinstance(error, _Endless):
            raise NotText from error
        raise UserError(
            "A cell that begins in line %(line)s is longer than 1 MB.",
            "Check whether a quote is left open there, or export the file again.", line=ends + 1,
        ) from error  # fmt: skip
