"""Leads and deals from a CSV file of any CRM: header, delimiter, encoding, decimals and days are found out."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import islice
from pathlib import Path

import msgspec

from tandem.base import progress
from tandem.base.errors import UserError
from tandem.crm.model.deal import DealFact, StageKind
from tandem.crm.model.file_words import FileWords, Unknown, UnknownWord
from tandem.crm.model.mapping import MOMENTS, MONEY, STAGE_KIND_FIELD, Mapping, read_priced
from tandem.crm.model.pricing import Pricing
from tandem.imports import headers
from tandem.imports.cells import LONGEST_DAY, LONGEST_NUMBER, Decimals, Order, decimals_of, order_stated
from tandem.imports.problem import Problem, sentence
from tandem.imports.spill import Spill
from tandem.imports.text import NotText, line_count, table

SYSTEM = "csv"
Row = tuple[int, list[str]]
"""The number of a line, and its cells."""
MOST_PROBLEMS = 50
SAMPLED = 5_000
"""Rows that tell how the file writes amounts and days, where one by itself can be read two ways."""
NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "crm_id", "deal id", "record id", "номер", "номер сделки", "numer", "id szansy"),
    "kind": ("kind", "type", "тип", "typ"),
    "created_at": ("created_at", "created", "create date", "date", "дата создания", "создан", "дата", "data utworzenia",
                   "utworzono", "data"),
    "updated_at": ("updated_at", "modified", "last modified date", "дата изменения", "data modyfikacji"),
    "moved_at": ("stage_changed_at", "moved_at"),
    "stage": ("stage", "deal stage", "status", "стадия", "стадия сделки", "этап", "этап сделки", "статус", "etap"),
    "pipeline": ("pipeline", "воронка", "lejek"),
    "amount": ("amount", "value", "price", "сумма", "бюджет", "kwota", "wartość"),
    "currency": ("currency", "валюта", "waluta"),
    "refunded": ("refunded", "refund", "возврат", "zwrot"),
    "cost": ("cost", "себестоимость", "koszt"),
    "closed_at": ("closed_at", "close date", "closed", "дата закрытия", "data zamknięcia"),
    "source_text": ("source", "источник", "źródło"),
    "client": ("client_id", "visitor", "_tdm"),
    "phones": ("phone", "phones", "mobile", "телефон", "мобильный телефон", "рабочий телефон", "telefon"),
    "emails": ("email", "e-mail", "emails", "почта", "e-mail (рабочий)", "adres e-mail"),
    "contact": ("contact_id", "contact id", "контакт id"),
    "lost_reason": ("lost_reason", "lost reason", "closed lost reason", "причина отказа", "причина проигрыша",
                    "powód przegranej"),
    "responsible": ("responsible", "owner", "ответственный", "właściciel"),
    **{name: (name,) for name in ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "gclid",
                                  "yclid", "msclkid", "fbclid", "parent", "is_deleted")},
}  # fmt: skip
"""Headers by which a column is known, in lower case."""
MEANING = "stage_kind"
MEANINGS = {
    "open": ("open", "new", "in progress", "новая", "новый", "в работе", "nowa", "nowy", "w toku"),
    "won": ("won", "closed won", "closedwon", "paid", "success", "успешно реализовано", "сделка успешна", "продажа",
            "выиграна", "wygrana", "wygrane"),
    "lost": ("lost", "closed lost", "closedlost", "закрыто и не реализовано", "сделка провалена", "проиграна",
             "отказ", "przegrana", "przegrane"),
    "qualified": ("qualified", "квалифицирован", "zakwalifikowany", "offer", "proposal", "предложение", "oferta"),
}  # fmt: skip
MEANING_OF = {name: means for means, names in MEANINGS.items() for name in names}
"""Stages whose meaning is known by their name; `stage_kind` as a column says it outright."""


class DealTable(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says beside its records. With problems nothing of it is to be kept.

    won          how many of the records are won
    has_stages   a column names the stages; without one all records are open
    stages, currencies   the words that nobody has explained; not even records without problems are to be kept then
    """

    problems: list[Problem]
    columns: dict[str, list[str]]
    unused: list[str]
    won: int
    has_stages: bool
    stages: list[UnknownWord]
    currencies: list[UnknownWord]


def table_of(
    path: Path, pricing: Pricing, now: datetime, into: Spill[DealFact], words: FileWords | None = None
) -> DealTable:
    """Sets the records of a file down in `into`.

    pricing  of the site; moments that come without a zone are in its zone
    now      the moment of the snapshot, where the file does not say when a record was changed
    words    what people said stages and currencies mean
    raises   UserError when it is no table, has no column that names records, or has too many rows
    """
    try:
        # Twice: its first rows tell how to read all, and may be too large to be held in memory.
        with closing(table(path, errors="replace")) as lines, closing(table(path, errors="replace")) as sample:
            return _table(lines, sample, line_count(path), _Reader(pricing, now, words or FileWords()), into)
    except NotText as error:
        raise UserError("This is not a CSV file.", "Save it as CSV. In a spreadsheet, use “Save as”.") from error


def _table(
    lines: Iterator[Row], sample: Iterator[Row], count: int, reader: "_Reader", into: Spill[DealFact]
) -> DealTable:
    first = next(lines, None)
    if first is None:
        raise UserError("The file is empty.", "Export it from the CRM again.")
    head = [headers.title(cell) for cell in first[1]]
    places = headers.places([headers.word(cell) for cell in first[1]], NAMES)
    if not {"id", "created_at"} <= places.keys():
        raise UserError(
            "The first line must name the columns, including the record's ID and creation date.",
            "Call them “id” and “created_at”, for instance.",
        )
    columns = {ours: [head[place] for place in sorted(at)] for ours, at in places.items()}
    reader.read_all(lines, sample, head, columns, count, into)
    used = {name for names in columns.values() for name in names} | {MEANING}
    return DealTable(
        problems=reader.problems + reader.unknown.too_many(), columns=columns,
        unused=[h for h in head if h and h not in used], won=reader.won,
        has_stages="stage" in columns or MEANING in head, stages=list(reader.unknown.stages.values()),
        currencies=list(reader.unknown.currencies.values()),
    )  # fmt: skip


class _Reader:
    """Reads the records of one file."""

    def __init__(self, pricing: Pricing, now: datetime, words: FileWords) -> None:
        self.pricing, self.now, self.words = pricing, now, words
        self.unknown = Unknown(words, pricing)
        self.problems, self.won = list[Problem](), 0
        self._line_of = dict[int, int]()

    def read_all(
        self, lines: Iterator[Row], sample: Iterator[Row], head: list[str], columns: dict[str, list[str]], count: int,
        into: Spill[DealFact],
    ) -> None:  # fmt: skip
        fields = {ours: tuple(names) for ours, names in columns.items()}
        words = self.words
        # What an empty currency means is said of files that have such a column; without one it is the site's own.
        currencies = {word: code for word, code in words.currencies.items() if word or "currency" in fields}
        decimals, order = _manners_of(sample, head, fields)
        mapping = Mapping(
            fields=fields, stages=words.stages, currencies=currencies, decimals=decimals, order=order
        )  # fmt: skip
        for line, cells in lines:
            progress.at(line, count)
            if not any(cell.strip() for cell in cells):
                continue
            if fact := self._read(mapping, dict(zip(head, cells, strict=False)), line):
                into.add(fact if "updated_at" in fields else _as_of(fact, self.now))
            if len(self.problems) >= MOST_PROBLEMS:
                break

    def _read(self, mapping: Mapping, raw: dict[str, str], line: int) -> DealFact | None:
        stated = raw.get(MEANING, "").strip().lower()
        if stated and stated not in tuple(StageKind):
            self._note(
                line,
                sentence("“%(value)s” in “stage_kind” is not a meaning of a stage."),
                sentence("Use open, qualified, won or lost."),
                value=stated[:40],
            )
            return None
        means = stated or MEANING_OF.get(_stage_name(mapping, raw), "")
        fact, problems = read_priced(mapping, {**raw, STAGE_KIND_FIELD: means}, SYSTEM, self.pricing, line)
        self.problems += problems
        if fact is None:
            return None
        key = hash((fact.kind, fact.id))  # 64 bits: of 200,000 records two share one once in a billion files
        if key in self._line_of:
            self._note(
                line,
                sentence("The ID %(id)s is also in line %(other)s."),
                sentence("Keep one row per record."),
                id=fact.id[:40],
                other=str(self._line_of[key]),
            )
        self._line_of[key] = line
        has_stages = "stage" in mapping.fields or MEANING in raw
        self.unknown.look_at(fact, bool(means) or not has_stages, "currency" in mapping.fields)
        self.won += fact.stage_kind == "won"
        return fact

    def _note(self, line: int, what: str, cure: str, **values: str) -> None:
        self.problems.append(Problem(line=line, what=what, cure=cure, values=values))


def _manners_of(rows: Iterator[Row], head: list[str], fields: dict[str, tuple[str, ...]]) -> tuple[Decimals, Order]:
    """How a file writes decimals and days, from its first rows."""
    names_of_money, names_of_moments = ({n for ours in all_ for n in fields.get(ours, ())} for all_ in (MONEY, MOMENTS))
    amounts, days = list[str](), list[str]()
    for _, cells in islice(rows, 1, SAMPLED):
        for name, cell in zip(head, cells, strict=False):
            if name in names_of_money:
                amounts.append(cell[:LONGEST_NUMBER])
            elif name in names_of_moments:
                days.append(cell.strip()[:LONGEST_DAY])
    return decimals_of(amounts, is_local=False), order_stated(days) or "dmy"


def _stage_name(mapping: Mapping, raw: dict[str, str]) -> str:
    """A stage without its pipeline, which some systems write behind it: "Closed Won (Sales Pipeline)"."""
    stage, pipeline = (
        next((raw[h].strip() for h in mapping.fields.get(ours, ()) if raw.get(h)), "").lower()
        for ours in ("stage", "pipeline")
    )
    return stage.removesuffix(f"({pipeline})").strip() if pipeline else stage


def _as_of(fact: DealFact, now: datetime) -> DealFact:
    moved = fact.moved_at or fact.closed_at or fact.created_at
    return msgspec.structs.replace(fact, updated_at=now, moved_at=moved)
