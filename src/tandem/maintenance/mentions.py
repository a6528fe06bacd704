"""Whether a webhook that waits speaks of a person: one of their identifiers stands in it, however it is written.

What could not be worked on was read by nobody, so no key leads from the person to it: its text is looked through.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tandem.base.errors import NO_JSON
from tandem.base.texts import visible
from tandem.connections.model import Delivery
from tandem.people.model.identifier import Identifier, Kind, phone_of

SHORTEST_NUMBER = 9
"""Digits that a number needs to be somebody's without its country code: fewer are an amount or a record."""
_NUMBER = re.compile(r"\+?\d(?:[\s().\-‐-―\u00a0]{0,3}\d){6,16}")
_DEEPEST = 50


def mentions(delivery: Delivery, identifiers: Iterable[Identifier], region: str = "") -> bool:
    """Whether one of these identifiers stands in a delivery.

    region   of phones without a country code, as where deliveries are read
    """
    texts = {visible(text).lower() for text in _texts_of(delivery)}
    numbers = {number for text in texts for number in _NUMBER.findall(text)}
    return any(_stands_in(one, texts, numbers, region) for one in identifiers)


def _stands_in(identifier: Identifier, texts: set[str], numbers: set[str], region: str) -> bool:
    value = identifier.value.lower()
    if identifier.kind == Kind.PHONE:
        return any(_is_same(number, value, region) for number in numbers)
    if identifier.kind == Kind.EMAIL:
        whole = re.compile(rf"(?<![\w.+-]){re.escape(value)}(?![\w-]|\.\w)")
        return any(value in text and whole.search(text) for text in texts)
    if identifier.kind == Kind.VISITOR:
        return any(value in text for text in texts)
    return identifier.kind == Kind.LOGIN and value in texts


def _is_same(number: str, value: str, region: str) -> bool:
    """Whether a number is this phone: as it would be read, or by its last digits where it lacks the country's."""
    digits = re.sub(r"\D", "", number).lstrip("0")
    is_its_end = len(digits) >= SHORTEST_NUMBER and value.endswith(digits)
    return is_its_end or phone_of(number.strip(), region) == value


def _texts_of(delivery: Delivery) -> Iterator[str]:
    """Every text of a delivery, in the address, in a form or in JSON; the body as it stands, too."""
    for _, text in (*delivery.query, *delivery.form):
        yield from _within(text)
    yield from _within(delivery.body.decode("utf-8", "replace"))


def _within(text: str, depth: int = 0) -> Iterator[str]:
    yield text
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
