"""Fetches exchange rates once a working day, once something needs them."""

import time
from collections.abc import Callable
from datetime import date, timedelta

from tandem.base import clock, log
from tandem.base.database import Database
from tandem.base.http import Http
from tandem.core.context import Context
from tandem.rates import store
from tandem.rates.model import Rate
from tandem.rates.sources import cbr, ecb

_log = log.get("rates")
COURSE_DAYS = 400
Fetch = Callable[[str], bytes]
"""Gives what stands at a path of the source; the caller brings the client for the network."""


def fetch_if_needed(ctx: Context) -> None:
    """Bring the rates up to date where a slice holds amounts that may need them: else nobody is asked."""
    if not any(s.needs_rates(ctx) for s in ctx.slices):
        return
    allowed = ctx.config.reach
    with (
        Http("European Central Bank", ecb.BASE, allowed=allowed) as europe,
        Http("Central Bank of Russia", cbr.BASE, allowed=allowed, per_second=1.0) as russia,
    ):
        refresh(
            ctx.database,
            clock.now().date(),
            lambda path: europe.get(path).content,
            lambda path: russia.get(path).content,
            roubles=any(site.currency == "RUB" for site in ctx.sites().values()),
        )


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
