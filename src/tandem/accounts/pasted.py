"""What people paste as the address of a site, and the hosts and the key that follow from it."""

import ipaddress
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator

from tandem.base.addresses import NAMED, address_in
from tandem.base.errors import UserError
from tandem.base.hosts import in_ascii, own_letters

_HEAD = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?(?://)?[^/?#]*", re.IGNORECASE)
_SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
_NEXT = re.compile(r"[,;]+(?=(?:view-source:)?[a-z]+://)", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_PORTS = {"80", "443"}
LONGEST_KEY = 40


def hosts_of(texts: str | Iterable[str], existing: Collection[str] = ()) -> list[str]:
    """The hosts in what was pasted: whole addresses or names, several parted by commas, spaces or lines.

    existing hosts that the site has already; they are taken as they are
    returns  lower case, IDN as punycode, a port only where it is not the usual one; "www." stands with and without
    raises   UserError at the field "host" for what cannot be an address
    """
    hosts: list[str] = []
    kept_as = {own_letters(host): host for host in existing} | {
        host: host for host in existing
    }  # as pages show them, too
    for piece in _pieces(texts if isinstance(texts, str) else "\n".join(texts)):
        host = kept_as.get(piece.lower()) or _host_of(piece)
        hosts.append(host)
        if host.startswith("www.") and "." in host[4:]:
            hosts.append(host[4:])
    if not hosts:
        raise UserError(
            "The address of the site is missing.", "Paste it from the browser, for example https://shop.example."
        ).at("host")
    return list(dict.fromkeys(hosts))


def _pieces(text: str) -> Iterator[str]:
    """Addresses, each without its path: commas, semicolons and spaces inside a path part nothing.

    Behind a path a new address begins with its scheme, or, after a comma or semicolon and a space, with a name that has
    a dot.
    """
    for line in text.splitlines():
        is_in_path = is_parted = False
        for word in NAMED.sub("", line.strip()).split():
            for part in _NEXT.split(word):
                address = address_in(part)
                head = _HEAD.match(address)
                host = head[0] if head else ""
                if is_in_path and not _SCHEME.match(address) and not (is_parted and "." in host):
                    continue
                yield from (p for p in re.split("[,;]", host) if p and not _SCHEME.fullmatch(p))
                is_in_path = len(host) < len(address)
            is_parted = word.endswith((",", ";"))


def _host_of(piece: str) -> str:
    has_scheme = _SCHEME.match(piece) is not None
    name = _SCHEME.sub("", piece).removeprefix("*.")
    if "@" in name and has_scheme:
        name = name.rpartition("@")[2]  # user and password of an address are nobody's business here
    host, colon, port = name.partition(":")
    host = in_ascii(host.rstrip(".").lower())
    is_port = not colon or (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536)
    if not is_port or not _is_host(host, has_scheme or bool(colon)):
        raise UserError(
            "“%(value)s” cannot be the address of a site.",
            "Paste it from the browser, for example https://shop.example.",
            value=(name if has_scheme else piece)[:80],
        ).at("host")
    return host if not colon or port in _PORTS else f"{host}:{int(port)}"


def _is_host(host: str, may_be_short: bool) -> bool:
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return False
    if labels[-1].isdigit():
        try:
            return bool(ipaddress.IPv4Address(host))
        except ValueError:
            return False
    return len(labels) > 1 or may_be_short or host == "localhost"


_LATIN = str.maketrans(
    dict(zip("абвгдезийклмнопрстуфхыэёіўґ", "abvgdeziyklmnoprstufhyeeiug", strict=True))
    | {"ж": "zh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ь": "", "ю": "yu", "я": "ya", "є": "ye"}
    | {"ї": "yi", "ł": "l", "ß": "ss", "ø": "o", "æ": "ae", "đ": "d"}
)


def _in_latin(text: str) -> str:
    """Letters without their marks, and Cyrillic ones as they sound."""
    plain = unicodedata.normalize("NFKD", text.translate(_LATIN))
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


def key_of(host: str, taken: Collection[str] = ()) -> str:
    """A short name for a site, from its host: www.shop.example is shop; a number follows where it is taken."""
    name = host.partition(":")[0].removeprefix("www.")
    labels = name.split(".")
    stem = "-".join(labels[:-1] if len(labels) > 1 and not labels[-1].isdigit() else labels)
    stem = _in_latin(own_letters(stem)).removeprefix("xn--")
    stem = re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[: LONGEST_KEY - 4].strip("-")
    stem = stem if len(stem) > 1 else f"site-{stem}".strip("-")
    number, key = 2, stem
    while key in taken:
        number, key = number + 1, f"{stem}-{number}"
    return key
