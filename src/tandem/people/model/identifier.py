"""What tells a person: a browser, a phone, an e-mail, a record of the CRM, a login."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

import msgspec

from tandem.accounts.model import Site
from tandem.base.texts import visible


class Kind(StrEnum):
    VISITOR = "visitor"
    PHONE = "phone"
    EMAIL = "email"
    CRM = "crm"
    LOGIN = "login"


class Identifier(msgspec.Struct, frozen=True):
    """One identifier in its normal form. A visitor is written as 16 hex digits; a CRM id as `system:id`."""

    kind: str
    value: str


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence that two identifiers belong to one person.

    source and ref say where it came from (`calls`, call id); the same evidence twice counts once.
    """

    a: Identifier
    b: Identifier
    at: datetime
    source: str
    ref: str = ""


def visitor(key: int) -> Identifier:
    """The identifier of a browser."""
    return Identifier(Kind.VISITOR, f"{key:016x}")


BORN = range(1_577_836_800, 4_102_444_800)
"""When a cookie may have been made, in seconds: from 2020, before the counter was, to 2100."""
_COOKIE = re.compile(r"([0-9a-f]{16})\.([0-9a-z]{1,8})")


def visitor_of(cookie: str) -> int:
    """The browser by the whole value of its cookie, `0123456789abcdef.t5zk9a`, with the moment of its birth; else 0.

    The 16 digits alone are nobody's browser: a customer's number may look like them, and whoever guesses it could put
    it into a cookie and be taken for the customer.
    """
    match = _COOKIE.fullmatch(cookie)
    return int(match[1], 16) if match and int(match[2], 36) in BORN else 0


def phone(text: str, region: str = "") -> Identifier | None:
    """The identifier of a phone, or None when the text is not a valid number."""
    number = phone_of(text, region)
    return Identifier(Kind.PHONE, number) if number else None


def region_of(site: Site) -> str:
    """The country that phones without a country code are read as: the one of the site's first host, if that has one."""
    last = site.hosts[0].rpartition(".")[2] if site.hosts else ""
    return last.upper() if len(last) == 2 else ""


SEPARATORS = r"\s().\-‐-―−ー－／［］（）*\[\]/~⁓∼～\u00a0\u3000"
"""What may stand between the digits of a phone, inside the brackets of a pattern: what libphonenumber knows, and line
breaks. Whoever looks for a phone in a text must know them all; see test_what_is_read_as_a_phone_is_found."""
LONGEST_PHONE = 60
"""Signs of a number as people write it: fifteen digits with their brackets, an extension, a word before it."""
ROLES = frozenset(
    {"admin", "biuro", "contact", "hello", "help", "info", "kontakt", "mail", "marketing", "no-reply", "noreply",
     "office", "postmaster", "sales", "sklep", "shop", "support", "team", "webmaster", "zakaz"}
)  # fmt: skip
"""Names before the @ that belong to a company's role, not to somebody."""


def email(text: str) -> Identifier | None:
    """The identifier of an e-mail address, or None when the text is none or tells a role (info@), not a person."""
    address = email_of(text)
    if address is None or address.partition("@")[0] in ROLES:
        return None
    return Identifier(Kind.EMAIL, address)


def phone_of(text: str, region: str = "") -> str | None:
    """The number in E.164 (`+48600100200`), or None when it is not a valid number.

    The user of a SIP address (`sip:+48600100200@pbx.example`) is one; words behind a number are left out.

    region   two letters of the country that numbers without a country code belong to
    source   ITU-T E.164; libphonenumber. Possible is not enough: 650-555-1212 has the length of a Russian number
    """
    # A stranger's long texts are not worth remembering: a hundred thousand of them would take all memory.
    return _phone_of(text, region) if len(text) <= LONGEST_PHONE else None


def spellings(number: str, region: str) -> tuple[str, str, bool]:
    """The digits of a number in E.164 with its country code and without, and whether `region` has that code."""
    import phonenumbers

    parsed = phonenumbers.parse(number)
    national = phonenumbers.national_significant_number(parsed)
    return number[1:], national, phonenumbers.country_code_for_region(region.upper()) == parsed.country_code


@lru_cache(maxsize=100_000)
def _phone_of(text: str, region: str) -> str | None:
    import phonenumbers  # a twentieth of what the product takes to begin, and most of its commands see no phone

    for form in _forms_of(visible(text)):
        with suppress(phonenumbers.NumberParseException):
            number = phonenumbers.parse(_with_plus(form), region.upper() or None)
            if phonenumbers.is_valid_number(number):
                return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None


_SIP = re.compile(r"(?:.*<)?\s*sips?:([^@;>]+)(?:;[^@]*)?@.*", re.I | re.S)
_NUMBER_FIRST = re.compile(rf"(\+?\(?\d[\d{SEPARATORS}]{{6,}}?)[\s,(\[]+[^\W\d_].*", re.S)


def _forms_of(text: str) -> Iterator[str]:
    """The text as it stands, then without the words behind its number; of a SIP address its user (RFC 3261 §19.1)."""
    if match := _SIP.fullmatch(text):
        text = match[1]
    yield text
    if match := _NUMBER_FIRST.fullmatch(text.strip()):
        yield match[1]


def _with_plus(text: str) -> str:
    """Exchanges write a number with its country code and without the plus: 48600100200, 0048600100200."""
    digits = re.sub(rf"[{SEPARATORS}]", "", text)
    if re.fullmatch(r"00[1-9]\d{9,13}", digits):
        return "+" + digits[2:]
    return text


_EMAIL = re.compile(r"[^@\s<>\"',;:]{1,64}@(?:[^@\s.<>\"',;:]+\.)+[^@\s.<>\"',;:]{2,63}")


def email_of(text: str) -> str | None:
    """The address, trimmed and in lower case, or None when it is none. Dots and +tags are kept: providers differ."""
    address = visible(text).strip().strip("<>").strip().lower()
    return address if len(address) <= 254 and _EMAIL.fullmatch(address) else None


def read(text: str, region: str = "") -> Identifier | None:
    """What somebody typed into a search box: a phone, an e-mail, a visitor's 16 hex digits, or `system:id`."""
    text = text.strip()
    if re.fullmatch(r"[0-9a-fA-F]{16}", text):
        return Identifier(Kind.VISITOR, text.lower())
    identifier = email(text) or phone(text, region)
    if identifier is None and re.fullmatch(r"[a-z0-9_-]{2,30}:\S{1,200}", text):
        return Identifier(Kind.CRM, text)
    return identifier


def masked(kind: str, value: str) -> str:
    """A value as those see it who may not know it whole: +48 ••• ••• 200, a•••@shop.example."""
    if kind == Kind.PHONE:
        return f"{value[:3]} ••• ••• {value[-2:]}"
    if kind == Kind.EMAIL:
        name, _, host = value.partition("@")
        return f"{name[:1]}•••@{host}"
    if kind == Kind.LOGIN:
        return f"{value[:1]}•••"
    return value
