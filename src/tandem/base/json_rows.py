"""A JSON list in parts that are still unread, so that one that cannot be read does not refuse the others."""

import re

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
"""A string, or a sign that parts; what is between them is of no interest. TRAP: a string that never ends takes the rest
in one step: tried again at each of its quotes, a megabyte of them would take an hour."""
_MEMBER = re.compile(rb'\s*"((?:[^"\\]|\\.)*+)"\s*:(.*)', re.DOTALL)


def elements(text: bytes) -> list[bytes] | None:
    """The elements of a list as they stand there; None when it is no list. Each may be JSON or not."""
    return _parts(text.strip(), b"[", b"]")


def members(text: bytes) -> dict[bytes, bytes] | None:
    """The members of an object as they stand there, by name; None when it is no object."""
    parts = _parts(text.strip(), b"{", b"}")
    if parts is None:
        return None
    matches = [_MEMBER.fullmatch(part) for part in parts]
    return {one[1]: one[2].strip() for one in matches if one} if all(matches) else None


def _parts(text: bytes, opening: bytes, closing: bytes) -> list[bytes] | None:
    if text[:1] != opening or text[-1:] != closing:
        return None
    depth, start, parts = 0, 1, list[bytes]()
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in (b"[", b"{"):
            depth += 1
        elif sign in (b"]", b"}"):
            depth -= 1
            if depth == 0:
                break
        elif sign == b"," and depth == 1:
            parts.append(text[start : token.start()].strip())
            start = token.end()
    else:
        return None
    last = text[start : token.start()].strip()
    return ([*parts, last] if parts or last else []) if token.end() == len(text) else None
