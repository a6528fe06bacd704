"""Fetches exchange rates once a working day."""

import time
from collections.abc import Callable
from datetime import date, timedelta

from tandem.base import log
from tandem.base.database import Database
from tandem.rates import store
from tandem.rates.model import Rate
from tandem.rates.sources import cbr, ecb

_log = log.get("rates")
COURSE_DAYS = 400
Fetch = Callable[[str], bytes]
"""Gives what stands at a path of the source; the caller brings the client for the network."""


def refresh(database: Database, today: date, european: Fetch, russian: Fetch, roubles: bool) -> int:
    """Bring the rates up to date; the first time with their history. Returns how many were new.

    roubles   whether a site needs them: the European bank has published none since March 2022
    raises    SourceError when a bank does not answer or sends something else
    """
    began, fresh = time.perf_counter(), 0
    if not store.is_fresh(database, ecb.NAME, today):
        fresh += store.keep(database, _european(database, today, european))
    if roubles and not store.is_fresh(database, cbr.NAME, today):
        fresh += store.keep(database, _russian(database, today, russian))
    if fresh:
        _log.info("rates.fetched", rates=fresh, took_ms=round((time.perf_counter() - began) * 1000))
    return fresh


def _european(database: Database, today: date, fetch: Fetch) -> list[Rate]:
    last_day = store.last_day(database, ecb.NAME)
    if last_day is None or last_day < today - timedelta(days=85):
        return [r for r in ecb.rates_in(fetch(ecb.WHOLE)) if r.on >= today - timedelta(days=3 * 366)]
    return ecb.rates_in(fetch(ecb.RECENT if last_day < today - timedelta(days=4) else ecb.DAILY))


def _russian(database: Database, today: date, fetch: Fetch) -> list[Rate]:
    last_day = store.last_day(database, cbr.NAME)
    since = last_day or today - timedelta(days=COURSE_DAYS)
    if last_day == today - timedelta(days=1):
        return cbr.rates_in_day(fetch(cbr.DAILY.format(on=today)))
    paths = {c: cbr.COURSE.format(since=since, until=today, id=i) for c, i in cbr.IDS.items()}
    return cbr.rates_in_course({currency: fetch(path) for currency, path in paths.items()})
