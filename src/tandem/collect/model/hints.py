"""Client hints (Sec-CH-UA…): what a browser says of itself beside its user agent, which tells ever less.

What the agent does not tell already is written behind it, `… Safari/537.36 CH(Brave 142; Windows 15; Tablet)`, and goes
into the store with it: better rules read it again. Who is who is told by the agent alone: not every request has hints.

source   W3C User-Agent Client Hints; Chromium sends brands, mobile and platform to https by itself, the rest where the
         site asks for it (Accept-CH)
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from tandem.base.remembered import remembered

HEADERS = (
    "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "sec-ch-ua-platform-version", "sec-ch-ua-form-factors"
)  # fmt: skip
LONGEST = 200
MOST_BRANDS = 3
USUAL = ("Chromium", "Google Chrome")
_brands_in = re.compile(r'"([\w .+-]{1,30})"\s*;\s*v="(\d{1,5})').findall
_is_noise = re.compile(
    r"Not\W?.?A.?Brand"
).search  # browsers send a brand that is none, so that nobody relies on the list
_texts_in = re.compile(r'"([\w .]{1,20})"').findall
_behind = re.compile(r" CH\(([^()]*)\)$").search


class Hints(NamedTuple):
    """What was written behind an agent: brands with their major version, system with its version, and other words."""

    brands: dict[str, str]
    system: tuple[str, str]
    words: frozenset[str]


def with_hints(user_agent: str, fields: Sequence[str]) -> str:
    """The agent, and behind it what these HEADERS say that it does not.

    fields   their values, empty where one was not sent
    """
    if not fields[0]:
        return user_agent
    return _with_hints("\n".join([user_agent.replace("\n", " "), *(field[:LONGEST] for field in fields)]))


@remembered(8192, longest=800)
def _with_hints(text: str) -> str:
    user_agent, listed, mobile, system, version, forms = text.split("\n")[:6]
    brands = [(name, major) for name, major in _brands_in(listed) if name not in USUAL and not _is_noise(name)]
    hints = [f"{name} {major}" for name, major in sorted(brands)[:MOST_BRANDS]]
    if (name := next(iter(_texts_in(system)), "")) and (major := re.match(r'"(\d{1,4})', version)):
        hints.append(f"{name} {major[1]}")
    hints += sorted(_texts_in(forms))[:MOST_BRANDS]
    if mobile == "?1" and "Mobi" not in user_agent:
        hints.append("Mobile")
    return f"{user_agent} CH({'; '.join(hints)})" if hints else user_agent


def parted(text: str) -> tuple[str, Hints | None]:
    """The agent alone, and the hints that were written behind it."""
    if not text.endswith(")") or (match := _behind(text)) is None:
        return text, None
    hints = match[1].split("; ")
    versions = dict(hint.rsplit(" ", 1) for hint in hints if hint.rpartition(" ")[2].isdecimal() and " " in hint)
    system = next((name for name in versions if name in SYSTEMS), "")
    brands = {name: major for name, major in versions.items() if name not in SYSTEMS}
    return text[: match.start()], Hints(brands, (system, versions.get(system, "")), frozenset(hints))


SYSTEMS = ("Windows", "Android", "macOS", "Chrome OS", "Chromium OS", "Linux", "iOS")
