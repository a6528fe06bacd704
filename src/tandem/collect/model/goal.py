"""Goals: what a site wants its visitors to do."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from tandem.base.addresses import are_several, parted
from tandem.base.errors import UserError
from tandem.base.hosts import in_ascii
from tandem.base.paths import path_as_typed
from tandem.base.texts import short_text
from tandem.collect.model.hit import MAX_NAME, plain

MAX_MATCH = 300
LONGEST_NAME = 150
"""Of a goal: the name of one that is retired says so, and must fit too."""
FILE = re.compile(
    r"\.(pdf|docx?|xlsx?|pptx?|csv|txt|rtf|od[tsp]|key|numbers|pages|epub|zip|rar|7z|t?gz|dmg|pkg|exe|msi|deb|rpm|apk|iso"
    r"|ics|vcf|mp[34]|m4a|wav|mov|avi|mkv|webm)$",
    re.IGNORECASE,
)
"""What the counter takes for a download, by the end of its path."""


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is event (name equals `match`) or page (path fits `match`, where * stands for anything)."""

    id: int
    site_id: int
    name: str
    kind: str
    match: str
    is_main: bool = False  # conversions rest on it; others are steps on the way

    @property
    def pattern(self) -> str:
        """The match as the engine compares it: exact for events, LIKE for pages."""
        if self.kind == "event":
            return self.match
        return self.match.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")


def main_by_orders(goals: Sequence[Goal], orders: Mapping[int, int]) -> Goal | None:
    """The goal that orders reach: one called purchase before others, then the most frequent; None if orders reach none.

    orders   how many orders have reached each goal, by its id
    """
    reached = [g for g in goals if orders.get(g.id)]
    return max(reached, key=lambda g: (g.match.casefold() == "purchase", orders[g.id], -g.id), default=None)


def is_of_a_page(match: str, hosts: Collection[str]) -> bool:
    """Whether this is how the site's pages are written: a path, or an address of its own that is no file.

    Links to other sites and files are events that are named by their address.
    """
    is_own = _own(hosts)
    host, path = parted(match, is_own)
    if host:
        return is_own(host) and not FILE.search(re.split("[?#]", path)[0])
    return path.startswith(("/", "*/"))


def host_of_others(typed: str, goal: Goal, hosts: Collection[str]) -> str:
    """The host that was typed for a page goal, where it is none of the site's; "" for its own, and for a path."""
    is_own = _own(hosts)
    host = parted(typed, is_own)[0] if goal.kind == "page" else ""
    return "" if is_own(host) else host


def _own(hosts: Collection[str]) -> Callable[[str], bool]:
    own = {_bare(host) for host in hosts}
    return lambda name: _bare(name) in own


def _bare(host: str) -> str:
    return in_ascii(host.partition(":")[0].rstrip(".").lower()).removeprefix("www.")


def left_out(typed: str, goal: Goal) -> str:
    """The sign, ? or #, after which a page goal leaves out what was typed; "" where all of it counts."""
    if goal.kind != "page":
        return ""
    path, _, fragment = parted(typed)[1].partition("#")
    is_route = "#" in goal.match
    if path.partition("?")[2] or (is_route and fragment.partition("?")[2]):
        return "?"
    return "#" if fragment and not is_route else ""


def checked_match(
    name: str, kind: str, match: str, hosts: Collection[str] = (), is_event: Callable[[str], bool] = lambda _: False
) -> str:
    """What a goal is met by, as it is kept: of a page its path in the normal form, also where an address was pasted.

    hosts     of the site
    is_event  whether the site has sent an event of this name: a form without one is named by its path
    raises    UserError naming the field and what it takes, for a goal that nothing could meet
    """
    typed = plain(match.strip())
    match = path_as_typed(typed, _own(hosts)) if kind == "page" else typed
    if not short_text(name, "name", LONGEST_NAME):
        raise UserError("The goal has no name.", "Use a name that people recognise, such as “Newsletter”.").at("name")
    if kind not in ("event", "page"):
        raise UserError("“%(value)s” is not a kind of goal.", "Choose event or page.", value=kind)
    if not match:
        raise UserError(
            "The goal has no event and no path.", "Enter an event name, or a path such as /thank-you or /blog/*."
        ).at("match")
    if kind == "event":
        if len(match) > MAX_NAME:
            raise UserError(
                "Event names have at most 200 characters.", ("Enter the name exactly as the site sends it.")
            ).at("match")
        if is_of_a_page(match, hosts) and not is_event(match):
            raise UserError(
                "“%(value)s” is a page: no event of this name has been received.",
                "Choose the kind page (“Page with this path”).",
                value=match,
            ).at("match")
        return match
    if len(match) > MAX_MATCH:
        raise UserError(
            "The path has more than 300 characters.", "Enter its beginning, and * for the rest: /blog/*."
        ).at("match")
    if not match.startswith(("/", "*")):
        raise UserError(
            "“%(value)s” is not a path.", ("The path of a page goal must start with / or *."), value=typed[:80]
        ).at("match")
    if are_several(typed):
        raise UserError(
            "“%(value)s” is more than one address.", "Enter one path. Add another goal for the other.", value=typed[:80]
        ).at("match")
    if any(segment in (".", "..") for segment in match.partition("#")[0].split("/")):
        raise UserError(
            "No page has “.” or “..” in its path: browsers follow them.", "Enter the path as the browser shows it."
        ).at("match")
    return match
