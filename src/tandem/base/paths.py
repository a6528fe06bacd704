"""The one form in which paths of pages are kept, compared and shown (RFC 3986, section 6.2.2)."""

import re
from collections.abc import Callable
from urllib.parse import quote

from tandem.base.addresses import parted

MAX_PATH = 1000
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_KEPT = f"{_UNRESERVED}!$&'()*+,;=:@/"
_KEPT_BYTES = _KEPT.encode()
_ESCAPES, _ODD = "(?:%[0-9A-Fa-f]{2})+", rf"[^\w{re.escape(_KEPT)}"
_of_path = re.compile(f"{_ESCAPES}|{_ODD}]").sub
_of_route = re.compile(f"{_ESCAPES}|{_ODD}?#]").sub
_of_part = re.compile(f"{_ESCAPES}|{_ODD}?#%]").sub
_CUT_OFF = re.compile(r"(?:(?<=/)\.{1,2})?(?:%[0-9A-F]?)?$")  # an escape that is cut may leave dots to be followed


def normal_path(path: str) -> str:
    """The path in its normal form: letters of all scripts as they are read, everything else as browsers send it.

    What parts or hides something stays escaped, with capitals as digits: reserved characters, spaces, controls, what
    cannot be seen, and bytes that are no UTF-8. Nothing is decoded twice: %252F stays. Case is kept; `.` and `..` are
    followed as browsers do. The normal form of a normal form is itself. Behind # stands the route of an application.
    """
    if path.isascii() and "/." not in path and not path.encode().translate(None, _KEPT_BYTES):
        return path[:MAX_PATH]  # as nearly all that the counter sends
    head, mark, route = path.partition("#")
    head = _of_path(_respelt, head.replace("\\", "/"))
    if head.startswith("/"):
        head = _without_dots(head)
    normal = head + mark + _of_route(_respelt, route)
    return normal if len(normal) <= MAX_PATH else _CUT_OFF.sub("", normal[:MAX_PATH])


def page_of(path: str, fragment: str) -> str:
    """The page that an address without its query names: single-page applications route behind the hash."""
    return normal_path(f"{path}#{fragment.partition('?')[0]}" if fragment.startswith(("/", "!/")) else path)


def path_as_typed(text: str, is_host: Callable[[str], bool] = lambda _: False) -> str:
    """The path that somebody means: of a pasted address its path, without what follows `?`; in its normal form.

    is_host  as `parted` takes it
    """
    path, _, fragment = parted(text, is_host)[1].partition("#")
    return page_of(path.partition("?")[0], fragment)


def part_as_typed(text: str) -> str:
    """A part of a path that somebody looks for, spelt as it stands in paths."""
    return _of_part(_respelt, text)


def _respelt(match: re.Match[str]) -> str:
    """A run of escapes, or a character that has to be one, as the normal form has it."""
    text = match[0]
    if text[0] == "%" and len(text) > 1:
        text = bytes.fromhex(text.replace("%", "")).decode("utf-8", "surrogateescape")  # no UTF-8: halves of characters
        return "".join(sign if _is_read(sign) else quote(sign, "", errors="surrogateescape") for sign in text)
    return text if _is_read(text) else quote(text, "", errors="replace")


def _is_read(sign: str) -> bool:
    return sign in _UNRESERVED or (sign > "\x7f" and sign.isprintable())


def _without_dots(path: str) -> str:
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
