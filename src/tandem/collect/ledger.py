"""The ledger of a batch: what came in and what became of it."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from tandem.accounts.model import Site
from tandem.collect.batches import Judged
from tandem.collect.model.hit import DAY_MS, EARLIEST_MS, Record, date_of_day

Ledger = Counter[tuple[int, date, str]]
"""How many events of a site and day had which outcome."""


def ledger_of(records: Sequence[Record], sites: dict[int, Site], judged: Judged, damaged: int) -> Ledger:
    """What came in and what became of it, by site and day."""
    place, today, latest = 0, judged.at // DAY_MS, judged.at + DAY_MS
    counts: dict[tuple[int, int, str], int] = {}
    is_plain = not judged.aside and not judged.outcomes
    for record in records:
        received, events = record.received, len(record.events)
        on = received // DAY_MS if EARLIEST_MS <= received <= latest else today
        if record.refused:
            for why, count in record.refused.items():
                counts[record.site, on, why] = counts.get((record.site, on, why), 0) + count
        if is_plain or record.site not in sites:  # taken away between ingestion and loading
            key = (record.site, on, "stored") if record.site in sites else (0, on, "unknown_site")
            counts[key] = counts.get(key, 0) + events
        else:
            for here in range(place, place + events):
                key = (record.site, on, _outcome(here, judged))
                counts[key] = counts.get(key, 0) + 1
        place += events
    if damaged:
        counts[0, today, "damaged"] = damaged
    return Counter(
        {(site, date_of_day(day), outcome): count for (site, day, outcome), count in counts.items() if count}
    )


def change_since(recorded: Ledger, now: Ledger) -> Ledger:
    """How the ledger of a batch changes that was told of before and gives other events now.

    recorded   what the ledger has of it, and now what it would say
    returns    damaged lines that were not; events that cannot be read again (`unstored`), or that now can (`stored`)
    """
    change: Ledger = Counter()
    for site, on in {(site, on) for site, on, _ in [*recorded, *now]}:
        there, here = (sum(of[site, on, outcome] for outcome in ("stored", "duplicate")) for of in (recorded, now))
        gone = there - recorded[site, on, "unstored"] - here
        change[site, on, "unstored" if gone > 0 else "stored"] = abs(gone)
        change[site, on, "damaged"] = now[site, on, "damaged"] - recorded[site, on, "damaged"]
    return +change


def _outcome(place: int, judged: Judged) -> str:
    if place in judged.aside and place not in judged.late:
        return "wrong_clock" if judged.aside[place] == "clock" else "quarantined"
    return (judged.outcomes or {}).get(place, "stored")
