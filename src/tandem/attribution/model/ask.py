"""What can be asked: which conversion, split by what, how far back, by which model."""

from datetime import datetime
from typing import Any

import msgspec

from tandem.base.errors import UserError

WINDOWS = (7, 14, 30, 60, 90)
LONGEST_DAYS = 90
SPLITS = ("channel", "source", "campaign", "term", "entry")
"""What credit can be split by: columns of the view `touches`, called like the catalogue's dimensions."""

SPENT_BY = ("channel", "source", "campaign", "term")
"""Splits that ad costs know too."""

FACETS = (
    "channel", "source", "medium", "campaign", "term", "content", "click", "referrer", "country", "city", "language",
    "device", "browser", "os", "loyalty", "host", "entry", "exit",
)  # fmt: skip
"""What persons can be chosen by."""


KINDS: dict[str, bool] = {
    "orders": True, "calls": False, "leads": False, "qualified": False, "won": True, "margin": True, "stage": False,
    "goal": True,
}  # fmt: skip
"""Kinds of conversions in the views `conversion_facts` and `outside_facts`, and whether their amount is money."""

ON_SITE = ("orders", "goal")
"""Kinds that visits hold; all others happen outside."""


def needed_for(conversion: str) -> tuple[str, ...]:
    """What a reader of these conversions must be allowed beside money: calls and deals have pages of their own."""
    kind = conversion.partition(":")[0]
    return ("calls.read",) if kind == "calls" else ("deals.read",) if kind in (*OF_CRM, "stage") else ()


OF_CRM = ("leads", "qualified", "won", "margin")
"""Kinds that a CRM tells of, beside its stages."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One question to attribution, over conversions in [since, until).

    key      which of its kind: a goal's id; empty for kinds that have but one
    window   days that a journey may reach back from its conversion
    filters  (dimension, operation, values), each choosing persons
    """

    site: int
    kind: str
    key: str
    by: str
    window: int
    since: datetime
    until: datetime
    order: int = 1
    with_bots: bool = False
    filters: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    @property
    def since_ms(self) -> int:
        """The beginning in milliseconds since 1970."""
        return round(self.since.timestamp() * 1000)

    @property
    def params(self) -> dict[str, Any]:
        """The values to bind."""
        return {
            "site": self.site,
            "kind": self.kind,
            "facts": "conversion_facts" if self.kind in ON_SITE else "outside_facts",
            "key": self.key,
            "by": self.by,
            "window": self.window,
            "since": self.since,
            "until": self.until,
            "order": self.order,
            "with_bots": int(self.with_bots),
            "is_filtered": int(bool(self.filters)),
            "filters": [(by, op, list(values)) for by, op, values in self.filters],
        }


def checked(ask: Ask) -> Ask:
    """The question, if it can be answered.

    raises   UserError naming what does not fit
    """
    if ask.kind not in KINDS:
        raise UserError(
            "“%(value)s” is not a kind of conversion.", "Choose one from the list.", value=ask.kind[:40]
        ).at("conversion")
    if ask.by not in SPLITS:
        raise UserError(
            "Credit cannot be split by “%(by)s”.", "Use one of %(choices)s.", by=ask.by[:40], choices=", ".join(SPLITS)
        ).at("split")
    if not 1 <= ask.window <= LONGEST_DAYS:
        raise UserError("A journey can be followed 1 to 90 days back.", "Enter a number in this range.").at("window")
    if ask.order not in (1, 2, 3):
        raise UserError("The Markov chain has an order of 1, 2 or 3.", "Choose one of them.").at("order")
    for by, _, _ in ask.filters:
        if by not in FACETS:
            raise UserError("Journeys cannot be filtered by %(by)s.", "Remove that filter.", by=by)
    return ask
