"""Goals: what a site wants its visitors to do."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from tandem.base.errors import UserError
from tandem.base.texts import short_text
from tandem.collect.model.hit import MAX_NAME, split_url

MAX_MATCH = 300
LONGEST_NAME = 150
"""Of a goal: the name of one that is retired says so, and must fit too."""


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


_ADDRESS = re.compile(r"https?://[^/?#]", re.IGNORECASE)


def checked_match(name: str, kind: str, match: str) -> str:
    """What a goal is met by, as it is kept: of a whole address that was pasted, its path.

    raises   UserError naming the field and what it takes, for a goal that nothing could meet
    """
    match = match.strip()
    if not short_text(name, "name", LONGEST_NAME):
        raise UserError("The goal has no name.", "Use a name that people recognise, such as “Newsletter”.").at("name")
    if kind not in ("event", "page"):
        raise UserError("“%(value)s” is not a kind of goal.", "Choose event or page.", value=kind)
    if not match or len(match) > MAX_MATCH:
        raise UserError(
            "The goal has no event and no path.", "Enter an event name, or a path such as /thank-you or /blog/*."
        ).at("match")
    if kind == "event":
        if len(match) > MAX_NAME:
            raise UserError(
                "Event names have at most 200 characters.", ("Enter the name exactly as the site sends it.")
            ).at("match")
        return match
    address, _, query = match.partition("?")
    path = split_url(match)[1] if _ADDRESS.match(match) else address
    if not path.startswith(("/", "*")):
        raise UserError(
            "“%(value)s” is not a path.", ("The path of a page goal must start with / or *."), value=match
        ).at("match")
    if query or match.endswith("?"):
        # Without it the goal may be met by all pages: as /index.php?page=thanks.
        raise UserError(
            "A page goal looks at the path only, without “?” and what follows it.",
            "Enter %(path)s if every visit of that page counts.", path=path,
        ).at("match")  # fmt: skip
    return path
