"""What attribution does on its own: who gets the credit is written down, for the metrics of the catalogue."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime

import xxhash

from tandem.accounts.model import Site
from tandem.attribution import store
from tandem.attribution.model.ask import Ask
from tandem.attribution.queries import usual_conversion
from tandem.base import log
from tandem.base.jobs import sum_over
from tandem.core.context import Context

WINDOW_DAYS = 30
"""How far back journeys reach: what the page Money opens with."""
MONTHS_BACK = 2
"""Visits of so many months before it may belong to a month's journeys: 30 days before 1 March it is January."""
_log = log.get("attribution")


def write_credits(ctx: Context) -> int:
    """Write down anew the months of each site whose visits or conversions are others than before; returns how many.

    While visits are derived anew nothing is: they would be mixed. A site that fails keeps none of the others waiting.

    raises   the first failure, once all sites have had their turn
    """
    settled = (site for site in ctx.sites().values() if ctx.offers.recounted(site) is None)
    return sum_over(settled, lambda site: _write_site(ctx, site))


def _write_site(ctx: Context, site: Site) -> int:
    kind, _, key = usual_conversion(ctx, site).partition(":")
    ask = _asked(site, kind, key, date(1970, 1, 1))
    written, now = store.written_states(ctx.warehouse, site.id), store.month_states(ctx.warehouse, ask)
    months = sorted(written.keys() | now.keys())  # what was erased is written as a month without conversions
    fresh = [(m, state) for m in months if (state := _state(now, m, kind, key)) != written.get(m)]
    for month, state in fresh:
        with ctx.database.beside_others():  # a backup has a month with all of its rows
            rows = store.write_month(ctx.warehouse, _asked(site, kind, key, month), month, state)
        _log.info("attribution.month_written", site=site.key, month=month.isoformat(), rows=rows)
    return len(fresh)


def _asked(site: Site, kind: str, key: str, month: date) -> Ask:
    return Ask(
        site=site.id, kind=kind, key=key, by="channel", window=WINDOW_DAYS,
        since=_beginning(month), until=_beginning(_after(month)),
    )  # fmt: skip


def _state(states: Mapping[date, int], month: date, kind: str, key: str) -> int:
    """One number for all that a month's credit rests on: its own visits and conversions, and those before it."""
    parts = [kind, key, *(str(states.get(m, 0)) for m in _back_from(month))]
    return xxhash.xxh3_64_intdigest("|".join(parts).encode())


def _back_from(month: date) -> Iterator[date]:
    for _ in range(MONTHS_BACK + 1):
        yield month
        month = date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)


def _after(month: date) -> date:
    return date(month.year + (month.month == 12), month.month % 12 + 1, 1)


def _beginning(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)
