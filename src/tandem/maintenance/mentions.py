"""Whether a webhook that waits speaks of a person: one of their identifiers stands in it, however it is written.

What could not be worked on was read by nobody, so no key leads from the person to it: its text is looked through.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import msgspec

from tandem.base.errors import NO_JSON
from tandem.base.texts import visible
from tandem.connections.model import Delivery
from tandem.people.model.identifier import SEPARATORS, Identifier, Kind, phone_of, spellings

SHORTEST_NUMBER = 9
"""Digits that a number needs to be somebody's without its country code: fewer are an amount or a record."""
_BETWEEN_DIGITS = re.compile(rf"[+{SEPARATORS}]+")
_OTHER_DIGIT = re.compile(r"[^\D0-9]")
_COULD_BE_A_PHONE = re.compile(r"(?:\D*\d){3}")
_DEEPEST = 50
_LEVELS_OF_A_PERCENT_CODE = 16
"""So much of the depth a percent-encoding takes: a hostile text is decoded three times, not once for each `%25`."""


def mentions(delivery: Delivery, identifiers: Iterable[Identifier], region: str = "") -> bool:
    """Whether one of these identifiers stands in a delivery. Takes time in proportion to the delivery's size.

    region   of phones without a country code, as where deliveries are read
    """
    texts = {visible(text) for text in _texts_of(delivery)}
    phones = {one.value for one in identifiers if one.kind == Kind.PHONE}
    if phones and _has_phone(texts, phones, region):
        return True
    lower = {text.lower() for text in texts}
    return any(_stands_in(one, lower) for one in identifiers if one.kind != Kind.PHONE)


def _stands_in(identifier: Identifier, texts: set[str]) -> bool:
    value = identifier.value.lower()
    if identifier.kind == Kind.EMAIL:
        whole = re.compile(rf"(?<![\w.+-]){re.escape(value)}(?![\w-]|\.\w)")
        return any(value in text and whole.search(text) for text in texts)
    if identifier.kind == Kind.VISITOR:
        return any(value in text for text in texts)
    return identifier.kind == Kind.LOGIN and value in texts


def _has_phone(texts: set[str], phones: set[str], region: str) -> bool:
    """Whether one of these phones is what a text is read as, or stands anywhere among the digits of one.

    What is written before and after a number may be digits, too, so no pattern can say where a number ends.
    """
    digits = "\n".join(map(_digits_of, texts))
    if any(spelling in digits for phone in phones for spelling in _spellings(phone, region)):
        return True
    return any(phone_of(text.strip(), region) in phones for text in texts if _COULD_BE_A_PHONE.match(text[:200]))


@lru_cache(maxsize=1_000)
def _spellings(phone: str, region: str) -> tuple[str, ...]:
    """The digits of a phone: with its country code, and without where they are many, or the country is the region's."""
    whole, national, is_of_region = spellings(phone, region)
    return (whole, national) if is_of_region or len(national) >= SHORTEST_NUMBER else (whole,)


def _digits_of(text: str) -> str:
    """A text whose numbers are written without separators, in the digits 0 to 9."""
    if not text.isascii():
        text = _OTHER_DIGIT.sub(lambda digit: str(int(digit[0])), text)
    return _BETWEEN_DIGITS.sub("", text)


def _texts_of(delivery: Delivery) -> Iterator[str]:
    """Every text of a delivery, in the address, in a form or in JSON; the body as it stands, too."""
    for _, text in (*delivery.query, *delivery.form):
        yield from _within(text)
    yield from _within(delivery.body.decode("utf-8", "replace"))


def _within(text: str, depth: int = 0) -> Iterator[str]:
    yield text
    if "%" in text and depth + _LEVELS_OF_A_PERCENT_CODE < _DEEPEST and (decoded := unquote(text)) != text:
        yield from _within(decoded, depth + _LEVELS_OF_A_PERCENT_CODE)
    if depth < _DEEPEST and text.lstrip()[:1] in ("{", "["):
        try:
            yield from _leaves(msgspec.json.decode(text), depth + 1)
        except NO_JSON:
            return


def _leaves(value: Any, depth: int) -> Iterator[str]:
    if depth >= _DEEPEST:
        yield str(value)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield str(name)
            yield from _leaves(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, depth + 1)
    elif isinstance(value, str):
        yield from _within(value, depth)
    else:
        yield str(value)
