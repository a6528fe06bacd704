"""Deals in the event store; in the record store mappings and records as they came."""

from tandem.crm.store.common import SQL, asked, schema
from tandem.crm.store.deals import (
    ends_of,
    fixes,
    has_deals,
    has_unpriced,
    keep_steps,
    known_of,
    price_again,
    pricing_of,
    put,
    record,
)
from tandem.crm.store.origins import derive, derive_again
from tandem.crm.store.replaced import forget_replaced, take_back

__all__ = [
    "SQL",
    "asked",
    "derive",
    "derive_again",
    "ends_of",
    "fixes",
    "forget_replaced",
    "has_deals",
    "has_unpriced",
    "keep_steps",
    "known_of",
    "price_again",
    "pricing_of",
    "put",
    "record",
    "schema",
    "take_back",
]
