"""What a failed check says, and the life it has."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

import msgspec

Severity = Literal["low", "medium", "high"]
Side = Literal["marketing", "engineering", "both"]
State = Literal["open", "explained", "ignored", "fixed"]


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands in a finding's title for %(name)s: a text as it is, a term that pages translate, or a number."""

    text: str = ""
    term: str = ""
    number: float | None = None
    unit: str = ""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A check that failed, as its rule sees it now.

    subject            what failed: with slice and rule it is the key of a finding
    side               whose it is to mend
    title              a sentence that pages translate, with %(name)s for values
    evidence           what the rule saw; the rule's own form
    money              what it is about, in the site's currency, where it is money
    address            the page that shows it
    needs              the permissions of whoever may see it: all of them
    first_on, last_on  the days of the site that show it
    """

    subject: str
    title: str
    first_on: date
    last_on: date
    severity: Severity = "medium"
    side: Side = "both"
    values: dict[str, Value] = {}
    evidence: dict[str, Any] = {}
    money: Decimal | None = None
    address: str = ""
    needs: list[str] = []


class Finding(Failure, frozen=True, kw_only=True):
    """A failure that is kept. `state` is one of

    open        seen at the last look
    explained   a user said where it comes from; the same days raise nothing again
    ignored     a user put it off until a moment; after it, it is open again if it is still seen
    fixed       no longer seen
    `times` counts how often it has come: 2 and more means that it came back.
    """

    id: int
    site_id: int
    slice: str
    rule: str
    first_seen_at: datetime
    last_seen_at: datetime
    times: int
    state: State
    ignored_until: datetime | None
    settled_by: int | None
    settled_at: datetime | None
    note: str

    @property
    def has_come_back(self) -> bool:
        return self.times > 1


class Fact(NamedTuple):
    """What metrics know of a finding: the columns of the published view. `at` is when it was first seen."""

    at: datetime
    slice: str
    rule: str
    severity: Severity
    side: Side
    state: State
