"""Which field of a CRM fills which of ours, and what its stages mean."""

import re
from collections.abc import Mapping as Dict
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

import msgspec

from tandem.base import clock
from tandem.base.currencies import currency_code, split_amount
from tandem.crm.model.deal import UNKNOWN, DealFact, StageKind, Was
from tandem.crm.model.pricing import Pricing
from tandem.imports import cells
from tandem.imports.cells import EMPTY, Decimals, Order, Unreadable
from tandem.imports.problem import Problem
from tandem.rates.model import MOST_MONEY, TooMuch

FIELDS: Dict[str, str] = {
    "id": "Id of the record", "kind": "Lead or deal", "parent": "Lead that the deal was made from",
    "created_at": "Created", "updated_at": "Changed", "moved_at": "Stage since", "stage": "Stage",
    "pipeline": "Pipeline", "amount": "Amount", "currency": "Currency", "refunded": "Refunded",
    "cost": "Cost of goods", "closed_at": "Closed", "source_text": "Source as the CRM has it",
    "utm_source": "utm_source", "utm_medium": "utm_medium", "utm_campaign": "utm_campaign", "utm_term": "utm_term",
    "utm_content": "utm_content", "gclid": "gclid", "yclid": "yclid", "msclkid": "msclkid", "fbclid": "fbclid",
    "client": "Visitor (cookie _tdm)", "phones": "Phones", "emails": "E-mails", "contact": "Contact's id",
    "responsible": "Responsible person's id", "lost_reason": "Reason of the loss", "is_deleted": "Deleted",
}  # fmt: skip
"""Our fields, as people call them."""
MANY = ("phones", "emails")
CLICKS = ("gclid", "yclid", "msclkid", "fbclid")
MOMENTS = ("created_at", "updated_at", "moved_at", "closed_at")
PAST = ("created_at", "updated_at")
"""Moments that have passed when a record tells of them: a change of the future would win over every change to come."""
AHEAD = timedelta(days=1)
"""How far a CRM's clock, or its unsaid time zone, may be ahead of ours."""
MONEY = ("amount", "refunded", "cost")
STAGE_KIND_FIELD = "_stage_kind"
"""Where a connector puts what the CRM itself says of a stage's meaning."""
HISTORY_FIELD = "_history"
"""Where a connector puts the stages before: lists of moment, stage, and what the CRM itself says of its meaning."""
LONGEST = 300
LONGEST_CURRENCY = 20

Raw = Dict[str, Any]


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """fields: ours -> theirs, the first that holds something counts (all of them, for phones and e-mails).

    stages      what each stage means, by `stage_key`; of others, the CRM's own word counts
    currencies  the code of each currency that goes by a word of the CRM's own
    decimals    the sign before decimals, for amounts such as 1.500 that can be read two ways
    order       of day and month, for days such as 10/11/2026
    """

    fields: dict[str, tuple[str, ...]]
    stages: dict[str, str] = {}
    currencies: dict[str, str] = {}
    decimals: Decimals = "."
    order: Order = "dmy"
    revision: int = 0


def stage_key(kind: str, stage: str) -> str:
    """A stage among those of both kinds: a lead's may be called like a deal's."""
    return f"{kind}:{stage}"


def read(mapping: Mapping, raw: Raw, system: str, zone: tzinfo, line: int = 0) -> tuple[DealFact | None, list[Problem]]:
    """One record as we keep it, or None with the problems that say why not.

    zone   of moments that come without one
    """
    problems: list[Problem] = []
    raw_values = {ours: _found(mapping, raw, ours) for ours in FIELDS}
    values: dict[str, Any] = {}
    for names, reader in (
        (MOMENTS, lambda v: moment_of(v, zone, mapping.order)), (MONEY, lambda v: money_of(v, mapping.decimals)),
    ):  # fmt: skip
        for ours in names:
            try:
                values[ours] = reader(raw_values[ours])
                if ours in PAST and values[ours] is not None and values[ours] > clock.now() + AHEAD:
                    problems.append(_yet_to_come(ours, mapping, line, raw_values[ours]))
            except Unreadable:
                problems.append(_unreadable(ours, mapping, line, raw_values[ours]))
    number = text_of(raw_values["id"])
    if not number:
        problems.append(_row_problem(line, "The record has no ID.", "Fill in the column with the record's ID."))
    if values.get("created_at") is None and not any(p.values.get("field") == "created_at" for p in problems):
        problems.append(
            _row_problem(line, "The record has no date of creation.", "Fill in the field with the creation date.")
        )
    if problems:
        return None, problems
    stage, kind = text_of(raw_values["stage"]), _kind(text_of(raw_values["kind"]))
    currency = _currency(mapping, text_of(raw_values["currency"]) or currency_in(raw_values["amount"]))
    return DealFact(
        system=system, id=number, kind=kind, parent=text_of(raw_values["parent"]),
        created_at=values["created_at"], updated_at=values["updated_at"] or values["created_at"],
        stage=stage, stage_kind=_stage_kind(mapping, kind, stage, raw.get(STAGE_KIND_FIELD)),
        pipeline=text_of(raw_values["pipeline"]),
        moved_at=values["moved_at"], closed_at=values["closed_at"], amount=values["amount"],
        currency=currency, refunded=abs(values["refunded"] or Decimal(0)),
        cost=values["cost"], source_text=text_of(raw_values["source_text"]),
        **{name: text_of(raw_values[name]) for name in
           ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "client", "contact", "responsible",
            "lost_reason")},
        history=_history(mapping, kind, raw, zone),
        click=next((name for name in CLICKS if text_of(raw_values[name])), ""),
        phones=_several(mapping, raw, "phones"), emails=_several(mapping, raw, "emails"),
        is_deleted=text_of(raw_values["is_deleted"]).lower() in ("1", "true", "yes", "y"),
    ), []  # fmt: skip


def read_priced(
    mapping: Mapping, raw: Raw, system: str, pricing: Pricing, line: int = 0
) -> tuple[DealFact | None, list[Problem]]:
    """One record as `read` gives it, or None when an amount of it is too much to be kept."""
    fact, problems = read(mapping, raw, system, pricing.zone, line)
    if fact is not None and (problems := too_much(fact, mapping, pricing, line)):
        return None, problems
    return fact, problems


def too_much(fact: DealFact, mapping: Mapping, pricing: Pricing, line: int = 0) -> list[Problem]:
    """The amounts of a record that are more than is kept, once they are in the site's currency."""
    problems = []
    for ours in MONEY:
        try:
            pricing.convert(fact, getattr(fact, ours))
        except TooMuch:
            values = {
                "value": f"{getattr(fact, ours).normalize():f} {fact.currency or pricing.currency}",
                "column": ", ".join(mapping.fields.get(ours, ())), "field": ours, "into": pricing.currency,
            }  # fmt: skip
            problems.append(_row_problem(
                line, "“%(value)s” in “%(column)s” is more than 99,999,999,999,999 %(into)s.",
                "Correct the amount or its currency.", values,
            ))  # fmt: skip
    return problems


def record_of(mapping: Mapping, raw: Raw) -> tuple[str, str]:
    """Kind and id of a record, whatever else of it can be read; the id is empty when it says none."""
    return _kind(text_of(_found(mapping, raw, "kind"))), text_of(_found(mapping, raw, "id"))


def _found(mapping: Mapping, raw: Raw, ours: str) -> Any:
    names = mapping.fields.get(ours, ())
    return next((raw[name] for name in names if raw.get(name) not in (None, "", [])), None)


def _several(mapping: Mapping, raw: Raw, ours: str) -> tuple[str, ...]:
    values: dict[str, None] = {}
    for name in mapping.fields.get(ours, ()):
        value = raw.get(name)
        for one in value if isinstance(value, list | tuple) else [value]:
            if text := text_of(one):
                values[text] = None
    return tuple(values)


def _unreadable(ours: str, mapping: Mapping, line: int, value: Any) -> Problem:
    values = {"value": str(value)[:40], "column": ", ".join(mapping.fields.get(ours, ())), "field": ours}
    if ours in MONEY:
        return _row_problem(line, "“%(value)s” in “%(column)s” is not an amount.", ("Use the format 1234.50."), values)
    return _row_problem(
        line, "“%(value)s” in “%(column)s” is not a date and time.",
        "Use the format 2026-10-31 14:05 or 31.10.2026 14:05.", values,
    )  # fmt: skip


def _yet_to_come(ours: str, mapping: Mapping, line: int, value: Any) -> Problem:
    values = {"value": str(value)[:40], "column": ", ".join(mapping.fields.get(ours, ())), "field": ours}
    return _row_problem(
        line, "“%(value)s” in “%(column)s” is in the future.",
        "Correct it: a record is created and changed in the past.", values,
    )  # fmt: skip


def _row_problem(line: int, what: str, cure: str, values: dict[str, str] | None = None) -> Problem:
    return Problem(line=line, what=what, cure=cure, values=values or {})


def _kind(text: str) -> str:
    return "lead" if text.lower() in ("lead", "лид") else "deal"


def _stage_kind(mapping: Mapping, kind: str, stage: str, stated: Any) -> str:
    means = mapping.stages.get(stage_key(kind, stage)) or text_of(stated).lower()
    return means if means in tuple(StageKind) else UNKNOWN


def _history(mapping: Mapping, kind: str, raw: Raw, zone: tzinfo) -> tuple[Was, ...]:
    """The stages before; a step that is not told in our form is left out, because the record itself is sound."""
    wases, steps = [], raw.get(HISTORY_FIELD)
    for step in steps if isinstance(steps, list | tuple) else []:
        try:
            at, stage, means = step
            moment = moment_of(at, zone)
        except (Unreadable, TypeError, ValueError):
            continue
        if moment is not None and text_of(stage):
            name = text_of(stage)
            wases.append(Was(at=moment, stage=name, stage_kind=_stage_kind(mapping, kind, name, means)))
    return tuple(wases)


def _currency(mapping: Mapping, text: str) -> str:
    """An ISO 4217 code, or the word itself: an amount in a currency that nobody knows is not one in the site's."""
    word = text[:LONGEST_CURRENCY].strip()
    return mapping.currencies.get(word) or currency_code(text) or word


def text_of(value: Any) -> str:
    """A value as short text; lists by their first element."""
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    if value is None or isinstance(value, dict):
        return ""
    return str(value).strip().replace("\0", "")[:LONGEST]


def moment_of(value: Any, zone: tzinfo, order: Order = "dmy") -> datetime | None:
    """A moment in UTC: seconds or milliseconds since 1970, or as `cells.moment` reads it; None for nothing.

    raises   Unreadable for anything else, and for moments before 1971 or after 2199
    """
    if isinstance(value, datetime):
        moment = value
    else:
        text = text_of(value)
        if text == "0" or text.lower() in EMPTY:
            return None
        moment = _moment(text, order)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        moment = moment.astimezone(UTC)
    except (OverflowError, ValueError) as error:  # in UTC it lies before the year 1, or after 9999
        raise Unreadable from error
    if not 1971 <= moment.year <= 2199:
        raise Unreadable
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _moment(text: str, order: Order) -> datetime:
    try:
        if re.fullmatch(r"\d{9,10}", text):
            return clock.from_ms(int(text) * 1000)
        if re.fullmatch(r"\d{12,13}", text):
            return clock.from_ms(int(text))
    except ValueError as error:
        raise Unreadable from error
    return cells.moment(text, order)


def currency_in(amount: Any) -> str:
    """The currency that stands beside an amount, as it is written there: "1 234,50 €", "100|EUR"; "" for none."""
    number, _, behind = text_of(amount).partition("|")
    return behind.strip() or split_amount(cells.squeezed(number))[1]


def money_of(value: Any, decimals: Decimals = ".") -> Decimal | None:
    """An amount as CRMs and people write it: 1234.5, "1 234,50", "1,234.50 €", "100|EUR"; None for nothing.

    decimals   the sign before decimals, if the amount itself does not tell
    raises    Unreadable
    """
    if isinstance(value, bool):
        raise Unreadable
    text = text_of(value).partition("|")[0]
    bare = cells.bare(text)
    if bare.lower() in EMPTY:
        if not bare and any(map(str.isalpha, text)):  # a currency without a number
            raise Unreadable
        return None
    amount = cells.number(bare, cells.decimals_of([bare], is_local=decimals == ","))
    if abs(amount) > MOST_MONEY:
        raise Unreadable
    return amount.quantize(Decimal("0.0001"))
