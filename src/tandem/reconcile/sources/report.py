"""A report as a file: blocks of a preamble, a head and rows; what has no day is refused, never spread over days."""

from collections.abc import Iterable
from contextlib import ExitStack
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from tandem.base import progress
from tandem.base.errors import UserError
from tandem.imports.cells import Decimals, Order, Unreadable, day, decimals_of, order_of
from tandem.imports.problem import Problem, problem_of
from tandem.imports.spill import Spill
from tandem.imports.text import NotText, line_count
from tandem.reconcile.model.outside import FIGURES, MOST_PROBLEMS, OTHER_ROW, PROBLEMS, OutsideReport, OutsideRow
from tandem.reconcile.sources import words
from tandem.reconcile.sources.table import Cells, lines_of, number, span_in

PARTS: Final = ("channel", "source", "medium", "source_medium", "campaign")
MOST_ROWS: Final = 500_000
MOST_BLOCKS: Final = 100


class ReportHints(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said about a file."""

    system: str = ""
    account: str = ""
    zone: str = ""
    order: Order = ""


class _Head(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of a block by their meaning; `line` is its place in the file."""

    line: int
    width: int
    columns: dict[str, int]
    texts: dict[str, str]
    is_local: bool

    @property
    def figures(self) -> list[str]:
        return [name for name in self.columns if name in FIGURES]

    @property
    def is_long(self) -> bool:
        """One figure a row, named in a column of its own."""
        return "figure" in self.columns and "value" in self.columns

    @property
    def has_days(self) -> bool:
        return words.DAY in self.columns or "nth_day" in self.columns


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """A row and its place in the file."""

    line: int
    cells: Cells


FIRST_YEAR = 2000


class _Block(msgspec.Struct, kw_only=True):
    """A head and the rows under it."""

    head: _Head
    start: date | None
    rows: Spill[_Row]


class _Preamble(msgspec.Struct, kw_only=True):
    """What lines outside the tables say of all of them."""

    system: str = ""
    zone: str = ""
    account: str = ""
    share: Decimal | None = None
    is_thresholded: bool = False


def read(path: Path, hints: ReportHints, today: date) -> OutsideReport:
    """What a file says; with problems nothing of it is to be kept.

    raises   UserError when the file passes a limit
    """
    with ExitStack() as spills:
        try:
            with progress.part(0, 0.6):
                blocks, preamble = _blocks(lines_of(path), line_count(path), spills)
        except NotText:
            return _refused(problem_of(PROBLEMS, "no_table"))
        return _report(blocks, preamble, hints, today)


def _report(blocks: list[_Block], preamble: _Preamble, hints: ReportHints, today: date) -> OutsideReport:
    heads = [text for block in blocks for text in block.head.texts.values()]
    system = hints.system or preamble.system or words.system_of(heads) or "other"
    with_days = [b for b in blocks if b.head.has_days]
    if not blocks:
        return _refused(problem_of(PROBLEMS, "unknown"), system)
    if not with_days:
        head = blocks[0].head
        return _refused(problem_of(PROBLEMS, "period_total", head.line, columns=", ".join(head.texts.values())), system)
    with progress.part(0.6, 1):
        return _Reader(hints, preamble, today, system).report(with_days, is_cut=len(with_days) < len(blocks))


def _refused(problem: Problem, system: str = "other") -> OutsideReport:
    return OutsideReport(system=system, split="day", rows=[], problems=[problem])


def _blocks(lines: Iterable[tuple[int, Cells]], count: int, spills: ExitStack) -> tuple[list[_Block], _Preamble]:
    preamble, blocks, start = _Preamble(), list[_Block](), None
    for line, cells in lines:
        progress.at(line, count)
        text = " ".join(c for c in cells if c)
        if not text:
            continue
        is_open = bool(blocks)
        head = None if text.startswith("#") else _head(line, cells)
        if head is not None and _is_head(cells):
            if len(blocks) == MOST_BLOCKS:
                raise UserError("The file has more than 100 tables.", "Export one table per file.")
            blocks.append(_Block(head=head, start=start, rows=spills.enter_context(Spill(_Row))))
        elif text.startswith("#") or not is_open or (len(cells) == 1 and not _is_row(cells)):
            _listen(preamble, text)
            start = _start(text) or start
        else:
            blocks[-1].rows.add(_Row(line, cells))
    return blocks, preamble


def _start(text: str) -> date | None:
    """The first day of the period, where a line says it: days are numbered from it."""
    match = words.SPAN_START.search(text)
    try:
        return day(match[1], "") if match else None
    except Unreadable:
        return None


def _head(line: int, cells: Cells) -> _Head | None:
    columns: dict[str, int] = {}
    for place, cell in enumerate(cells):
        if (name := words.head_of(cell)) and name not in columns:
            columns[name] = place
    is_table = any(name in FIGURES for name in columns) or {"figure", "value"} <= set(columns)
    if not is_table:
        return None
    texts = {name: cells[place] for name, place in columns.items()}
    is_local = bool(words.RUSSIAN_OR_POLISH.search(" ".join(cells)))
    return _Head(line=line, width=len(cells), columns=columns, texts=texts, is_local=is_local)


def _is_head(cells: Cells) -> bool:
    """A head has no numbers; a long row of our own may name a figure, but beside a value."""
    return not any(cell[:1].isdigit() for cell in cells)


def _is_row(cells: Cells) -> bool:
    return bool(cells) and cells[0][:1].isdigit()


def _listen(preamble: _Preamble, text: str) -> None:
    """What one line outside the tables says."""
    lower = text.lower()
    if text.startswith("#"):
        preamble.system = preamble.system or "ga4"
    if lower.startswith(("отчет за период", "отчёт за период", "report for the period")):
        preamble.system = preamble.system or "metrika"
    if words.SAMPLED.search(text) and (match := words.PERCENT.search(text)):
        share = Decimal(match[1].replace(",", ".")) / 100
        preamble.share = share if 0 < share < 1 else preamble.share
    preamble.is_thresholded = preamble.is_thresholded or bool(words.THRESHOLDED.search(text))
    if match := words.ZONE.search(text):
        preamble.zone = match[1]
    for word in ("property:", "ресурс:", "usługa:"):
        if word in lower:
            preamble.account = text[lower.index(word) + len(word) :].strip()[:200]


class _Reader:
    """Reads the rows of all blocks of a file, and notes what is wrong with them."""

    def __init__(self, hints: ReportHints, preamble: _Preamble, today: date, system: str) -> None:
        self._hints, self._preamble, self._today, self._system = hints, preamble, today, system
        self._problems: list[Problem] = []
        self._found: dict[tuple[date, str, tuple[str, ...]], OutsideRow] = {}
        self._totals = 0
        self._zone = hints.zone or preamble.zone

    def report(self, blocks: list[_Block], is_cut: bool) -> OutsideReport:
        finest = max(blocks, key=lambda b: len(set(PARTS) & set(b.head.columns)))
        split = _split(finest.head)
        for block in blocks:
            if _split(block.head) == split:
                self._read(block)
        rows = list(self._found.values())
        if not rows and not self._problems:
            self._problem("empty")
        return OutsideReport(
            system=self._system, account=self._hints.account or self._preamble.account, split=split, rows=rows,
            zone=self._zone, problems=self._problems, notes=self._notes(rows, is_cut),
        )  # fmt: skip

    def _notes(self, rows: list[OutsideRow], is_cut: bool) -> list[Problem]:
        notes = []
        if self._totals:
            code = "total_left_out" if self._totals == 1 else "totals_left_out"
            notes.append(problem_of(PROBLEMS, code, count=self._totals))
        if is_cut:
            notes.append(problem_of(PROBLEMS, "period_left_out"))
        return [*notes, *notes_of(rows)]

    def _read(self, block: _Block) -> None:
        head = block.head
        order = self._order(block)
        if order is None:
            return
        values = [head.columns["value"]] if head.is_long else [head.columns[name] for name in head.figures]
        cells = (row.cells[place] for row in block.rows for place in values if place < len(row.cells))
        decimals = decimals_of(cells, head.is_local)
        for nth, row in enumerate(block.rows):
            progress.at(nth, len(block.rows))
            if len(self._problems) >= MOST_PROBLEMS:
                return
            self._row(block, row.line, row.cells, order, decimals)

    def _order(self, block: _Block) -> Order | None:
        if self._hints.order or words.DAY not in block.head.columns:
            return self._hints.order
        place = block.head.columns[words.DAY]
        cells = dict[str, int]()  # the days as they are written, each with its first line
        for row in block.rows:
            if place < len(row.cells):
                cells.setdefault(row.cells[place], row.line)
        order = order_of(list(cells), self._today)
        if order is None:
            cell = next(cell for cell in cells if "/" in cell)
            self._problem("day_order", cells[cell], day=cell)
        return order

    def _row(self, block: _Block, line: int, row: Cells, order: Order, decimals: Decimals) -> None:
        head = block.head
        if self._is_total(head, row):
            self._totals += 1
            return
        if len(row) < max(head.columns.values()) + 1:
            self._problem("too_few_cells", line, count=str(len(row)), wanted=str(head.width))
            return
        on = self._day(block, line, row, order)
        if on is None:
            return
        parts = _parts(head, row, self._system)
        share = self._share(head, row, decimals)
        if "zone" in head.columns and row[head.columns["zone"]]:
            self._zone = self._hints.zone or row[head.columns["zone"]]
        for figure, place in self._figures(head, line, row):
            try:
                value = number(row[place], decimals)
            except Unreadable:
                self._problem("not_a_number", line, cell=row[place][:60], column=head.texts.get(figure, "value"))
                continue
            currency = row[head.columns["currency"]].upper() if "currency" in head.columns else ""
            self._add(line, OutsideRow(
                on=on, figure=figure, value=value, currency=currency if FIGURES[figure].is_money else "", share=share,
                is_thresholded=self._preamble.is_thresholded, is_other=OTHER_ROW in parts, channel=parts[0],
                source=parts[1], medium=parts[2], campaign=parts[3],
            ))  # fmt: skip

    def _figures(self, head: _Head, line: int, row: Cells) -> list[tuple[str, int]]:
        if not head.is_long:
            return [(name, head.columns[name]) for name in head.figures]
        cell = row[head.columns["figure"]]
        name = cell.strip().lower() if cell.strip().lower() in FIGURES else words.head_of(cell)
        if name not in FIGURES:
            self._problem("not_a_figure", line, cell=cell[:60], figures=", ".join(FIGURES))
            return []
        return [(name, head.columns["value"])]

    def _share(self, head: _Head, row: Cells, decimals: Decimals) -> Decimal | None:
        if "share" not in head.columns:
            return self._preamble.share
        try:
            text = row[head.columns["share"]]
            share = number(text.rstrip("%"), decimals) / (100 if text.endswith("%") else 1)
        except Unreadable:
            return self._preamble.share
        return share if 0 < share < 1 else None

    def _is_total(self, head: _Head, row: Cells) -> bool:
        """A row of totals says so in its first cells, or has neither a day nor a part."""
        place = head.columns.get(words.DAY, head.columns.get("nth_day", 0))
        cell = row[place] if place < len(row) else ""
        if words.TOTALS.match(cell) or any(words.TOTALS.match(c) for c in row[:1]):
            return True
        parts = [row[head.columns[p]] for p in PARTS if p in head.columns and head.columns[p] < len(row)]
        return not cell and (not any(parts) or any(words.TOTALS.match(p) for p in parts))

    def _day(self, block: _Block, line: int, row: Cells, order: Order) -> date | None:
        columns = block.head.columns
        nth: int | None = None
        if words.DAY in columns:
            cell = row[columns[words.DAY]]
            if span := span_in(cell):
                self._problem("period_row", line, first=span[0], last=span[1])
                return None
        else:
            cell = row[columns["nth_day"]]
            nth = int(cell) if block.start and cell.isdecimal() and len(cell) < 6 else None
        try:
            on = day(cell, order) if nth is None or block.start is None else block.start + timedelta(days=nth)
            if on.year < FIRST_YEAR:  # nobody measured the web before; the year 1 fits into no moment of UTC
                raise Unreadable(cell)
        except (Unreadable, OverflowError):
            self._problem("not_a_day", line, cell=cell[:60])
            return None
        if on > self._today:
            self._problem("day_in_the_future", line, day=on.isoformat())
            return None
        return on

    def _add(self, line: int, row: OutsideRow) -> None:
        key = (row.on, row.figure, row.part)
        before = self._found.get(key)
        if before is not None and not FIGURES[row.figure].adds_up:
            self._problem("users_twice", line, day=row.on.isoformat())
            return
        value = row.value + (before.value if before else 0)
        self._found[key] = msgspec.structs.replace(row, value=value)

    def _problem(self, code: str, line: int = 0, **values: str) -> None:
        self._problems.append(problem_of(PROBLEMS, code, line, **values))


def notes_of(rows: list[OutsideRow]) -> list[Problem]:
    """What a person should know of figures that are whole: sampled, withheld, put together."""
    notes = []
    shares = [row.share for row in rows if row.share is not None]
    if shares:
        notes.append(problem_of(PROBLEMS, "is_sampled", share=f"{round(float(min(shares)) * 100, 2):g}%"))
    if any(row.is_thresholded for row in rows):
        notes.append(problem_of(PROBLEMS, "is_thresholded"))
    if others := len({(row.on, row.part) for row in rows if row.is_other}):
        notes.append(problem_of(PROBLEMS, "has_other", count=others))
    return notes


def _split(head: _Head) -> str:
    columns = set(head.columns)
    if "campaign" in columns:
        return "campaign"
    if columns & {"source", "source_medium"}:
        return "source"
    return "channel" if "channel" in columns else "day"


def _parts(head: _Head, row: Cells, system: str) -> tuple[str, str, str, str]:
    """Channel, source, medium and campaign of a row; only those that the split compares by."""
    texts = {name: row[head.columns[name]][:300] for name in PARTS if name in head.columns}
    split = _split(head)
    if split == "campaign":
        return ("", "", "", texts["campaign"])
    if split == "source":
        both = texts.get("source_medium", "")
        source, _, medium = both.partition("/") if both else (texts.get("source", ""), "", texts.get("medium", ""))
        return ("", source.strip(), medium.strip(), "")
    return (class_of(system, texts.get("channel", "")), "", "", "")


def class_of(system: str, channel: str) -> str:
    """The channel by the name that is compared: Metrica's kinds of traffic have one name in all languages."""
    if system == "metrika":
        return words.CLASS_BY_WORD.get(channel.strip().lower(), channel.strip())
    return channel.strip()
