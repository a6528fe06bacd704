"""Leads and deals from a CSV file of any CRM: header, delimiter, encoding, decimals and days are found out."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import msgspec

from tandem.base import progress
from tandem.base.errors import UserError
from tandem.crm.model.deal import DealFact
from tandem.crm.model.mapping import Mapping, read_priced
from tandem.crm.model.pricing import Pricing
from tandem.imports.problem import Problem
from tandem.imports.spill import Spill
from tandem.imports.text import NotText, line_count, table

SYSTEM = "csv"
MOST_ROWS, MOST_PROBLEMS = 200_000, 50
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
MEANINGS = {
    "won": ("won", "closed won", "closedwon", "paid", "success", "успешно реализовано", "сделка успешна", "продажа",
            "выиграна", "wygrana", "wygrane"),
    "lost": ("lost", "closed lost", "closedlost", "закрыто и не реализовано", "сделка провалена", "проиграна",
             "отказ", "przegrana", "przegrane"),
    "qualified": ("qualified", "квалифицирован", "zakwalifikowany", "offer", "proposal", "предложение", "oferta"),
}  # fmt: skip
"""Stages whose meaning is known by their name; `stage_kind` as a column says it outright."""


class DealTable(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says beside its records. With problems nothing of it is to be kept.

    won   how many of the records are won
    """

    problems: list[Problem]
    columns: dict[str, list[str]]
    unused: list[str]
    won: int


def table_of(path: Path, pricing: Pricing, now: datetime, into: Spill[DealFact]) -> DealTable:
    """Sets the records of a file down in `into`.

    pricing  of the site; moments that come without a zone are in its zone
    now      the moment of the snapshot, where the file does not say when a record was changed
    raises   UserError when it is no table, has no column that names records, or has too many rows
    """
    try:
        with closing(table(path, errors="replace")) as lines:
            return _table(lines, line_count(path), pricing, now, into)
    except NotText as error:
        raise UserError("This is not a CSV file.", "Save it as CSV. In a spreadsheet, use “Save as”.") from error


def _table(
    lines: Iterator[tuple[int, list[str]]], count: int, pricing: Pricing, now: datetime, into: Spill[DealFact]
) -> DealTable:
    first = next(lines, None)
    if first is None:
        raise UserError("The file is empty.", "Export it from the CRM again.")
    head = [" ".join(cell.replace("\ufeff", "").split()) for cell in first[1]]
    headers = {ours: [h for h in head if h.lower() in names] for ours, names in NAMES.items()}
    if not headers["id"] or not headers["created_at"]:
        raise UserError(
            "The first line must name the columns, including the record's ID and creation date.",
            "Call them “id” and “created_at”, for instance.",
        )
    columns = {ours: names for ours, names in headers.items() if names}
    mapping = Mapping(fields={ours: tuple(names) for ours, names in columns.items()})
    used = {name for names in columns.values() for name in names} | {"stage_kind"}
    problems, won = _read(lines, head, mapping, pricing, now, into, count)
    return DealTable(problems=problems, columns=columns, unused=[h for h in head if h and h not in used], won=won)


def _read(
    lines: Iterator[tuple[int, list[str]]], head: list[str], mapping: Mapping, pricing: Pricing, now: datetime,
    into: Spill[DealFact], count: int,
) -> tuple[list[Problem], int]:  # fmt: skip
    problems, seen, won = list[Problem](), dict[int, int](), 0
    for number, (line, cells) in enumerate(lines, 2):
        if number > MOST_ROWS:
            raise UserError("The file has more than 200,000 rows.", "Import it in parts.")
        progress.at(line, count)
        if not any(cell.strip() for cell in cells):
            continue
        raw = dict(zip(head, cells, strict=False))
        stage = str(next((raw[h] for h in mapping.fields.get("stage", ()) if raw.get(h)), "")).strip().lower()
        stage_kind = raw.get("stage_kind") or next((kind for kind, words in MEANINGS.items() if stage in words), "open")
        fact, unreadable = read_priced(mapping, {**raw, "_stage_kind": stage_kind}, SYSTEM, pricing, line)
        problems += unreadable
        if fact is None:
            continue
        key = hash((fact.kind, fact.id))  # 64 bits: of 200,000 records two share one once in a billion files
        if key in seen:
            other = {"id": fact.id[:40], "other": str(seen[key])}
            problems.append(
                Problem(
                    line=line,
                    what="The ID %(id)s is also in line %(other)s.",
                    cure="Keep one row per record.",
                    values=other,
                )
            )
        seen[key] = line
        won += fact.stage_kind == "won"
        into.add(fact if "updated_at" in mapping.fields else _as_of(fact, now))
        if len(problems) >= MOST_PROBLEMS:
            break
    return problems, won


def _as_of(fact: DealFact, now: datetime) -> DealFact:
    moved = fact.moved_at or fact.closed_at or fact.created_at
    return msgspec.structs.replace(fact, updated_at=now, moved_at=moved)
