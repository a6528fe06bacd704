"""The ledger of what was received."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta

import msgspec

from tandem.base import clock
from tandem.base.warehouse import Warehouse
from tandem.collect.model.hit import DAY_MS, LATE_MS
from tandem.collect.store.common import SQL


def add_ingestion(warehouse: Warehouse, counts: Mapping[tuple[int, date, str], int], batch: str) -> None:
    """Add what a batch brought to the ledger of reception; once a batch."""
    if not counts:
        return
    keys = list(counts)
    warehouse.insert(
        "reception",
        {
            "site": [k[0] for k in keys],
            "on": [k[1] for k in keys],
            "outcome": [k[2] for k in keys],
            "count": [counts[k] for k in keys],
            "batch": [batch] * len(keys),
        },
        token=batch,
    )


def ingestion_of(warehouse: Warehouse, batch: str) -> Counter[tuple[int, date, str]]:
    """What the ledger has been told of one batch when it was first judged, and of what has changed since."""
    rows = warehouse.ask(SQL["ingestion_of"], {"batch": batch}).rows
    return Counter({(site, on, outcome): count for site, on, outcome, count in rows})


HINT = "hint_"
"""How the ledger's words begin for claims that are not believed; they are no part of its sum."""


class IngestionDay(msgspec.Struct, frozen=True, kw_only=True):
    """What came in on a day (UTC) and what became of it: received = stored + duplicates + refused.

    hints     claims of who somebody is that are stored, but not believed, by reason
    is_kept   whether all that was received on this day is still kept
    """

    on: date
    stored: int
    duplicates: int
    erased: int
    refused: dict[str, int]
    in_store: int
    hints: dict[str, int] = {}
    is_kept: bool = True

    @property
    def received(self) -> int:
        return self.stored + self.duplicates + sum(self.refused.values())

    @property
    def balance(self) -> int:
        """What the ledger says is stored, less what the store holds; 0 unless something is wrong.

        On days of which some may have expired nothing can be told.
        """
        return self.stored - self.erased - self.in_store if self.is_kept else 0


def ingestion_days(warehouse: Warehouse, site_id: int, since: date, keep_days: int | None = None) -> list[IngestionDay]:
    """The ledger day by day, newest first. Site 0 is what named no known site.

    keep_days   for how long the site keeps its events; None where it does not matter
    """
    # What is received may have happened days before, and is kept from then on.
    kept_since = clock.now().date() - timedelta(days=keep_days - LATE_MS // DAY_MS) if keep_days else date.min
    bound = {"site": site_id, "since": since}
    outcomes: dict[date, dict[str, int]] = {}
    for on, outcome, count in warehouse.ask(SQL["ingestion_days"], bound).rows:
        outcomes.setdefault(on, {})[outcome] = count
    stored = dict(warehouse.ask(SQL["stored_days"], bound).rows)
    return [
        IngestionDay(
            on=on,
            stored=of_day.pop("stored", 0) - of_day.pop("unstored", 0),  # counted first, put aside later
            duplicates=of_day.pop("duplicate", 0),
            erased=of_day.pop("erased", 0),
            hints={o.removeprefix(HINT): of_day.pop(o) for o in list(of_day) if o.startswith(HINT)},
            refused=of_day,
            in_store=stored.get(on, 0),
            is_kept=on > kept_since,
        )
        for on in sorted(outcomes | stored, reverse=True)
        for of_day in [outcomes.get(on, {})]
    ]


def newest_ingestion(warehouse: Warehouse) -> date | None:
    """The newest day of which the ledger tells; None when it is empty."""
    rows = warehouse.ask(SQL["newest_ingestion"]).rows
    return rows[0][0] if rows and rows[0][1] else None
