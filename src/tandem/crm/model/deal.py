"""A lead or deal as a CRM tells of it: a whole snapshot each time, in any order."""

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from tandem.base import clock

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_MS = (1 << 42) - 1
"""The latest moment that fits into a version, in the year 2109."""


class StageKind(StrEnum):
    """What a stage means, whatever its name."""

    OPEN = "open"
    QUALIFIED = "qualified"
    WON = "won"
    LOST = "lost"


UNKNOWN = "unknown"
"""In place of a StageKind, for a stage of which neither its system nor a person has said what it means."""


class Was(msgspec.Struct, frozen=True, kw_only=True):
    """A stage that a record came into, as the CRM remembers it."""

    at: datetime
    stage: str
    stage_kind: str


class DealFact(msgspec.Struct, frozen=True, kw_only=True):
    """What one snapshot says of a record. Amounts are in `currency` (the site's, when empty).

    parent     id of the lead that this deal was made from
    moved_at   when it came into its stage; when the CRM does not tell, the moment of the snapshot
    click      name of the click id that came with it (gclid, yclid, …)
    client     our visitor, as the value of our cookie
    history    stages before this one, where the CRM tells of them
    """

    system: str
    id: str
    kind: str = "deal"
    created_at: datetime
    updated_at: datetime
    parent: str = ""
    stage: str = ""
    stage_kind: str = StageKind.OPEN
    pipeline: str = ""
    moved_at: datetime | None = None
    amount: Decimal | None = None
    currency: str = ""
    refunded: Decimal = Decimal(0)
    cost: Decimal | None = None
    closed_at: datetime | None = None
    source_text: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    utm_term: str = ""
    utm_content: str = ""
    click: str = ""
    client: str = ""
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    contact: str = ""
    responsible: str = ""
    lost_reason: str = ""
    history: tuple[Was, ...] = ()
    is_deleted: bool = False


def version_of(fact: DealFact, revision: int, is_priced: bool) -> int:
    """A number that only a newer snapshot exceeds; of two of one moment, always the same one wins.

    Of one snapshot the reading by the newer mapping wins, then the one whose amount could be converted.
    """
    digest = hashlib.blake2b(msgspec.json.encode(fact), digest_size=2).digest()
    bits = int.from_bytes(digest) >> 5
    moment = min(max(0, clock.to_ms(fact.updated_at)), LATEST_MS)
    return (moment << 22) | ((revision & 1023) << 12) | (int(is_priced) << 11) | bits


def deal_key(site: int, connection: int, kind: str, number: str) -> int:
    """The 64 bits that stand for a record of one connection."""
    name = f"{site}:{connection}:{kind}:{number}"
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
