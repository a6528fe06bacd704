"""Text of addresses: hosts by whole labels, parameters by whole names. Nothing here raises on broken input."""

import re
from collections.abc import Iterator
from urllib.parse import unquote, unquote_plus

from tandem.base.remembered import remembered

_REFERRER = re.compile(r"\s*(?:https?|android-app|ios-app)://([^/?#\\]*)(?:[/\\]+([^/?#\\]*))?", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_PORT = re.compile(r":\d*$")


def clean(text: str, most: int) -> str:
    """Return the text on one line, trimmed, without control characters, at most `most` characters long."""
    if not text.isascii():
        # A lone surrogate cannot be stored; it becomes a question mark.
        text = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(_CONTROL.sub(" ", text).split())[:most].rstrip()


def parameters(query: str) -> Iterator[tuple[str, str]]:
    """Yield (name, raw value) of a query in order; names are decoded and in lower case."""
    for part in query.removeprefix("?").split("&"):
        name, _, value = part.partition("=")
        # Links copied out of HTML source say "&amp;utm_medium=".
        name = name.lower().removeprefix("amp;")
        yield (unquote(name, errors="replace") if "%" in name else name), value


def decoded(value: str) -> str:
    """Return the parameter's text; bytes that are no UTF-8 become replacement characters."""
    return unquote_plus(value, errors="replace") if "%" in value or "+" in value else value


@remembered(8192)
def referrer_parts(referrer: str) -> tuple[str, str]:
    """Return (host, first segment of the path) of a referrer, or two empty texts when it is no web or app address."""
    if not (match := _REFERRER.match(referrer)):
        return "", ""
    host = plain_host(match[1].rpartition("@")[2])
    return (host, clean(unquote(match[2] or "", errors="replace"), 64)) if host else ("", "")


def plain_host(host: str) -> str:
    """Return the host in lower case, without port, closing dot and "www."."""
    bare = clean(_PORT.sub("", host), 253).lower().strip(".")
    return bare.removeprefix("www.") if "." in bare[4:] else bare


def suffixes(host: str) -> Iterator[str]:
    """Yield the host and each parent by whole labels: a.b.com, b.com, com."""
    yield host
    while (dot := host.find(".")) >= 0:
        host = host[dot + 1 :]
        yield host


def is_within(host: str, hosts: frozenset[str]) -> bool:
    """Say whether the host is one of these hosts or a subdomain of one; "www." makes no difference."""
    return any(suffix in hosts or f"www.{suffix}" in hosts for suffix in suffixes(host))
