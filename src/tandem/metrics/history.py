"""What is known of a site's own past."""

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from cachetools import TTLCache

from tandem.accounts.model import Site
from tandem.base.warehouse import questions_in
from tandem.core.context import Context
from tandem.core.query import Question, Value
from tandem.metrics.address import Address
from tandem.metrics.ask import buckets
from tandem.metrics.catalogue import VIEWS
from tandem.metrics.chance import ENOUGH_DAYS, scatter_of, with_cases
from tandem.metrics.coverage import AROUND_DAYS, Account, Days, ReportedDays, days_between, reported_days, silent_days
from tandem.metrics.metric import Counted
from tandem.metrics.parts import parts_of
from tandem.metrics.period import Period
from tandem.metrics.spans import COMPLETE, day_after, days_of, last_over, week_before

HISTORY = timedelta(days=400)
FRESH_S = 600.0
SCATTER_DAYS = 56
"""Eight whole weeks before the week in which a period begins tell how much its days scatter."""
SCATTER_FRESH_S = 3600.0
"""Past days hardly change but by somebody's doing; what another server has done is known after this time."""
SQL = questions_in(Path(__file__).parent / "sql")


def reported(ctx: Context, site: Site) -> dict[Account, ReportedDays]:
    """The days that reports tell of, by ad account: looked up once until the data change."""

    def looked_up() -> dict[Account, ReportedDays]:
        return reported_days(ctx.runner.look_up(SQL["reported_days"], {"site": site.id}))

    return ctx.runner.kept(("reported", site.id), looked_up)


_ScatterKey = tuple[int, bytes, str]
"""The site, a digest of all else that narrows its days, and the figure."""


class History:
    """What is known of a site's own past: when each view begins, how long outcomes take, how much its days scatter.

    Looked up now and then, and whenever somebody has changed the past: brought in a file, or taken one back.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx, self._known = ctx, dict[tuple[int, str], tuple[float, list[float]]]()
        self._changes = ctx.runner.changes
        self._scatters: TTLCache[_ScatterKey, float] = TTLCache(10_000, SCATTER_FRESH_S)
        self._unknown: TTLCache[_ScatterKey, None] = TTLCache(10_000, FRESH_S)
        self._silent: TTLCache[tuple[int, str, date, date], Days] = TTLCache(1_000, FRESH_S)
        self._lock = threading.Lock()  # of the caches, which many requests use at once

    def first(self, site: int, view: str) -> datetime | None:
        """The first moment at which this view holds anything."""
        view = VIEWS[view].begins_with or view
        moments = self._looked_up(site, view, SQL["first_moment"], {"site": site, "measured": view})
        return datetime.fromtimestamp(moments[0], UTC) if moments else None

    def delays(self, site: int, metric: Counted, now: datetime) -> list[float]:
        """Days from creation to outcome in complete cohorts, rising."""
        bound = {"site": site, "since": now - HISTORY, "until": now - COMPLETE}
        return sorted(self._looked_up(site, metric.arrives, SQL[metric.arrives], bound))

    def reported(self, address: Address) -> dict[Account, ReportedDays]:
        """The days that reports tell of, of the ad accounts that the filters leave."""
        accounts = reported(self._ctx, address.site)
        for f in address.where:
            if f.op == "is" and f.by in ("ad_system", "ad_account"):
                place = ("ad_system", "ad_account").index(f.by)
                accounts = {account: one for account, one in accounts.items() if account[place] in f.values}
        return accounts

    def silent(self, site: Site, span: Period, before: Period | None, now: datetime) -> Days:
        """Of the days up to yesterday, those of both spans on which the counter did not run: asked once for both."""
        first, last = min(span.first, before.first if before else span.first), last_over(span, now)
        began = self.first(site.id, "visits")
        since = max(first - timedelta(days=AROUND_DAYS), day_after(began, site.zone)) if began else last
        if not began or since >= last:
            return frozenset()
        key, changes = (site.id, site.zone, since, last), self._changes_known()
        with self._lock:
            remembered = self._silent.get(key)
        if remembered is None:
            around = Period(name="", first=since, last=last, zone=site.zone)
            bound = {"site": site.id, "zone": site.zone, "since": around.since, "until": around.until}
            visits = dict(self._ctx.runner.look_up(SQL["visits_by_day"], bound))
            remembered = silent_days(visits, sorted(days_between(since, last)))
            with self._lock:
                if changes == self._changes:
                    self._silent[key] = remembered
        return remembered and remembered & (days_of(span) | (days_of(before) if before else frozenset()))

    def question(self, address: Address, names: Sequence[str]) -> Question | None:
        """What `scatters` will ask the event store for; None where it will ask nothing."""
        known = self._known_scatters(self._scatter_keys(address, names))
        return self._past(address, [n for n in names if n not in known]).question

    def scatters(self, address: Address, names: Sequence[str]) -> dict[str, float | None]:
        """How much the days of these figures vary, by the weeks before the period: one question for all of them."""
        keys, changes = self._scatter_keys(address, names), self._changes_known()
        remembered = self._known_scatters(keys)
        missing = [n for n in names if n not in remembered]
        days = self._days(self._past(address, missing)) if missing else {}
        fresh = {n: scatter_of(n, days[n]) for n in missing}
        with self._lock:
            if changes == self._changes:
                self._scatters.update({keys[n]: scatter for n, scatter in fresh.items() if scatter is not None})
                # too few days are soon looked for again: visits of another day may come
                self._unknown.update({keys[n]: None for n, scatter in fresh.items() if scatter is None})
        return remembered | fresh

    def _known_scatters(self, keys: Mapping[str, _ScatterKey]) -> dict[str, float | None]:
        self._changes_known()
        with self._lock:
            unknown = {n: None for n, key in keys.items() if key in self._unknown}
            return unknown | {n: self._scatters[key] for n, key in keys.items() if key in self._scatters}

    def _scatter_keys(self, address: Address, names: Sequence[str]) -> dict[str, _ScatterKey]:
        """What the scatter of each figure is remembered under, whichever figures it is asked with."""
        of_goals = {n for n in names if any(p.rests_on_goals for p in parts_of(n))}
        goals = self._ctx.runner.main_goals(address.site.id) if of_goals else ()
        about = (address.site.zone, address.where, address.with_bots, week_before(address.period.first))
        plain, with_goals = _digest((*about, ())), _digest((*about, goals))
        return {n: (address.site.id, with_goals if n in of_goals else plain, n) for n in names}

    def _past(self, address: Address, names: Sequence[str]) -> "_Past":
        """The weeks before the period, since when each figure is measured in them, and what to ask about them."""
        last = week_before(address.period.first)
        weeks = msgspec.structs.replace(
            address.period, first=last - timedelta(days=SCATTER_DAYS - 1), last=last, ends=None
        )
        firsts = {n: self._first_day(address, n, weeks) for n in names}
        asked = tuple(n for n in names if firsts[n] <= last - timedelta(days=ENOUGH_DAYS - 1))
        return _Past(firsts, asked, address.question(with_cases(asked), ("day",), weeks) if asked else None)

    def _days(self, past: "_Past") -> dict[str, list[Mapping[str, Value]]]:
        """Whole measured days of these weeks, oldest first, for each figure; none where these are too few."""
        if past.question is None:
            return {n: [] for n in past.firsts}
        rows = {row.key[0]: row.metrics for row in self._ctx.runner.ask(past.question).rows}
        days = {day: rows.get(day, {}) for day in buckets(past.question)}
        return {
            n: [d for day, d in days.items() if day >= first] if n in past.asked else []
            for n, first in past.firsts.items()
        }

    def _first_day(self, address: Address, name: str, weeks: Period) -> date:
        """The first whole measured day of a figure within these weeks; none if it lies after them."""
        first_day = weeks.first
        for part in parts_of(name):
            first = self.first(address.site.id, part.view)
            day = first.astimezone(ZoneInfo(weeks.zone)).date() if first else weeks.last
            first_day = max(first_day, day + timedelta(days=1) if not first or first > weeks.since else first_day)
        return first_day

    def _looked_up(self, site: int, what: str, sql: str, bound: dict[str, Any]) -> list[float]:
        key, at, changes = (site, what), time.monotonic(), self._changes_known()
        remembered = self._known.get(key)
        if remembered and remembered[1] and at - remembered[0] < FRESH_S:
            return remembered[1]
        runner = self._ctx.runner  # that there is nothing yet is remembered until the data change
        values = list(runner.kept(("past", *key), lambda: tuple(float(row[0]) for row in runner.look_up(sql, bound))))
        with self._lock:
            if changes == self._changes:
                self._known[key] = (at, values)
        return values

    def _changes_known(self) -> int:
        """How often somebody has changed data; what was known before the last time is forgotten."""
        changes = self._ctx.runner.changes
        with self._lock:
            if changes != self._changes:
                self._known.clear()
                self._scatters.clear()
                self._unknown.clear()
                self._silent.clear()
                self._changes = changes
        return changes


class _Past(NamedTuple):
    """What is asked about the weeks before a period, of those figures that are measured long enough in them."""

    firsts: dict[str, date]
    asked: tuple[str, ...]
    question: Question | None


def _digest(what: object) -> bytes:
    """A key of fixed size: filters are as long as their reader likes."""
    return hashlib.blake2b(repr(what).encode(), digest_size=16).digest()


def history_of(ctx: Context) -> History:
    """What is known of the past of sites."""
    return ctx.state(History, lambda: History(ctx))
