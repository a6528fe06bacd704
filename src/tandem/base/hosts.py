"""Host names as people write them."""

import re

import idna

_ENCODED = re.compile(r"(?<![\w-])xn--[a-z0-9-]+", re.IGNORECASE)


def own_letters(text: str) -> str:
    """A host, or an address with one, in its own letters: xn--80aswg.xn--p1ai is сайт.рф. What is none stays."""
    return _ENCODED.sub(lambda match: _label(match[0]), text) if "xn--" in text.lower() else text


def in_ascii(host: str) -> str:
    """A host as it is called on the wire: сайт.рф is xn--80aswg.xn--p1ai. Empty for what can be none."""
    if host.isascii():
        return host
    try:
        return idna.encode(host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return ""


def _label(label: str) -> str:
    try:
        return idna.decode(label)
    except (idna.IDNAError, UnicodeError):
        return label
