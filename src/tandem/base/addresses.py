"""What people paste as an address of the web: without what stands around it, and beginning as one that is whole."""

import re
from collections.abc import Callable
from urllib.parse import unquote

_VIEWED = re.compile(r"^(?:view-source:)+", re.IGNORECASE)
_START = re.compile(r"^(?:https?(?::/*|/{2,}))*(https?)(?::/*|/{2,})(?=[^/])", re.IGNORECASE)
"""How an address begins that has lost a slash or its colon, or has them or its scheme too often."""
_ENCODED = re.compile(r"^https?%3a%2f%2f", re.IGNORECASE)
_LINK = re.compile(r"^\[[^\]]*\]\((\S+)\)$")
"""A link of Markdown, with its words."""
NAMED = re.compile(r"^[^.,;:/@]+(?:(?::|\s[-–—])\s*(?=https?(?::|//))|:\s+(?=\S+\.))", re.IGNORECASE)
"""What an address is called, before it: a line may begin with words that hold no address, and a colon or a dash."""
_AROUND = "\"'`“”„‟‘’‚‹›«»<>()[]{},;\u200b\u200e\u200f\u2060\ufeff"
"""Quotes, brackets, commas and signs that nobody sees: they stand around an address, and are none of it."""
_OPENED_BY = {")": "(", "]": "[", "}": "{"}
_PARTS = re.compile(r"((?:https?:)?//)?([^/?#\s]*)(.*)", re.IGNORECASE | re.DOTALL)
_SEVERAL = re.compile(r"\s+/|(?:\s|[,;])(?:view-source:)?https?:/|[,;]\s+[^\s/]+\.[^\s/]+/", re.IGNORECASE)


def address_in(text: str) -> str:
    """An address without what surrounds it, beginning as one that is whole. A path stays as it is."""
    if text.startswith(("/", "*/")):
        return text
    link = _LINK.match(text)
    bare = (link[1] if link else text).lstrip(_AROUND)
    while bare and bare[-1] in _AROUND and not _is_closed(bare):
        bare = bare[:-1]
    bare = bare.strip("*") if bare.startswith("**") and not bare.startswith("**/") else bare
    bare = _VIEWED.sub("", unquote(bare) if _ENCODED.match(bare) else bare)
    return _START.sub(r"\1://", bare)


def parted(text: str, is_host: Callable[[str], bool] = lambda _: False) -> tuple[str, str]:
    """The host of an address that was pasted, without user and password, and what follows it; a path has no host.

    is_host  whether this is the name of a host, where no scheme says so: browsers show addresses without one
    """
    text = text.strip()
    address = address_in(text if text.startswith(("/", "*")) else NAMED.sub("", text))
    scheme, name, rest = _PARTS.fullmatch(address).groups()  # type: ignore[union-attr]  # it fits whatever is given
    host = name.rpartition("@")[2]
    if host and ((scheme or "//") != "//" or is_host(host)):
        return host, rest if rest.startswith("/") else f"/{rest}"
    return "", address


def are_several(text: str) -> bool:
    """Whether more than one address was pasted, or more than one path."""
    return _SEVERAL.search(NAMED.sub("", text.strip())) is not None


def _is_closed(text: str) -> bool:
    """Whether the bracket at the end was opened inside: /wiki/Fern_(plant)."""
    return text[-1] in _OPENED_BY and text.count(_OPENED_BY[text[-1]]) >= text.count(text[-1])
