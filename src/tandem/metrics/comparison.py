"""Like for like: what a figure is compared with, and whether that comparison bears a verdict.

Pages, tiles, colours and answers of the API take every change from here. A figure whose comparison bears none stands
alone and says why.
"""

import hashlib
import threading
import time
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from cachetools import TTLCache

from tandem.accounts.model import Site
from tandem.base.warehouse import questions_in
from tandem.core.context import Context
from tandem.core.query import Filter, Value
from tandem.core.slice import Recount
from tandem.metrics.address import Address
from tandem.metrics.ask import buckets, counted
from tandem.metrics.catalogue import DIMENSIONS, FIGURES, OF_VISITS
from tandem.metrics.chance import ENOUGH_DAYS, assumed_scatter, is_clear, of_part, scatter_of, with_cases
from tandem.metrics.coverage import (
    AROUND_DAYS,
    Account,
    Days,
    Lack,
    Told,
    days_between,
    days_told,
    lack_of,
    silent_days,
)
from tandem.metrics.metric import Figure, Metric
from tandem.metrics.period import Period

Why = Literal[
    "ahead",
    "unmeasured",
    "ended",
    "gaps",
    "accounts",
    "costs",
    "young",
    "settling",
    "recounting",
    "clocks",
    "little_history",
]
ENOUGH_ALIKE = 0.98
"""How mature the newer cohort must be, as a share of the older one's maturity."""
COMPLETE = timedelta(days=60)
"""A cohort this old has had its time."""
HISTORY = timedelta(days=400)
ENOUGH_OUTCOMES = 20
UNLIKE_LENGTH = 0.01
NOTICED = 0.005
"""A change below half a per cent is none."""
FRESH_S = 600.0
DERIVED, GOALS = OF_VISITS | {"ad_visits"}, "conversions"
"""Views made of derived visits, and the one of them whose rows are goals reached."""
SCATTER_DAYS = 56
"""Eight whole weeks before the week in which a period begins tell how much its days scatter."""
KNOWN_ALIKE = 0.05
"""Shares of paid visits whose cost is known may differ by so much between two spans."""
SCATTER_FRESH_S = 6 * 3600.0
"""Past days hardly change."""
SQL = questions_in(Path(__file__).parent / "sql")


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a comparison bears no verdict: `day` of the first or last measured day, `share` done or arrived, `days` to
    settle or without data.

    Without a `day`, what is unmeasured has never been measured.
    """

    why: Why
    day: date | None = None
    share: float | None = None
    days: int | None = None


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A figure beside its comparison; both cover like spans, up to the day `settled` if newer days still change.

    `is_clear`   the change is more than chance; else figure and change stand, and nothing is claimed
    `span`, `against`   what `value` and `before` cover; None where nothing is compared
    """

    figure: Figure
    value: Value
    before: Value
    is_clear: bool = False
    reason: Reason | None = None
    settled: date | None = None
    span: Period | None = None
    against: Period | None = None

    @property
    def change(self) -> float | None:
        """Relative change; None without a base, or where the comparison bears no verdict."""
        return relative(self.value, self.before) if self.reason is None else None

    @property
    def is_chance(self) -> bool:
        """Whether there is a change, but one that chance may bring."""
        return self.change is not None and abs(self.change) >= NOTICED and not self.is_clear

    @property
    def direction(self) -> str:
        """up, down, same, or nothing when there is no change to speak of."""
        change = self.change
        if change is None or self.is_chance:
            return ""
        return "same" if abs(change) < NOTICED else "up" if change > 0 else "down"

    @property
    def verdict(self) -> str:
        """good, bad or neutral: from what is good for this figure, never from the sign alone."""
        if self.direction not in ("up", "down") or self.figure.good == "neither":
            return "neutral"
        return "good" if self.direction == self.figure.good else "bad"


def relative(now: Value, before: Value) -> float | None:
    """Change as a share of what was before; None without a base."""
    return None if now is None or not before else (now - before) / abs(before)


# ── the rules, without any store ──


def settled_until(period: Period, settles_after: int, now: datetime) -> date | None:
    """The last day of the period whose figures no longer change; None if there is none."""
    last = now.astimezone(ZoneInfo(period.zone)).date() - timedelta(days=settles_after + 1)
    return min(period.last, last) if last >= period.first else None


def like_spans(
    period: Period, before: Period, settles_after: int, now: datetime
) -> tuple[Period, Period, date | None] | None:
    """What is really compared: the spans less the newest days that still settle, and the last day if some are left out.

    None if no day has settled
    """
    if not settles_after:
        return period, before, None
    last = settled_until(period, settles_after, now)
    if last is None:
        return None
    if last == period.last:
        return period, before, None
    cut = before.first + (last - period.first)
    return (
        msgspec.structs.replace(period, last=last, ends=None),
        msgspec.structs.replace(before, last=cut, ends=None),
        last,
    )


def unsettled(address: Address, figures: Iterable[str]) -> int:
    """How many of the newest days of these figures still change, where the period holds some of them; else 0."""
    days = max(map(_settles_after, figures), default=0)
    span = address.period
    is_settled = not days or settled_until(span, days, address.now) == span.last or span.since > address.now
    return 0 if is_settled else days


def clocks_differ(period: Period, before: Period, now: datetime) -> bool:
    """Whether a changed clock makes one span longer than the other by more than a hundredth."""
    passed = period.so_far(now)
    if passed is None:
        return False
    ours, theirs = passed.until - passed.since, before.until - before.since
    return abs(ours - theirs) > UNLIKE_LENGTH * max(ours, theirs)


def unmeasured(before: Period, first: datetime | None, is_daily: bool = False) -> date | None:
    """The first measured day, if measuring began after the span to compare with.

    is_daily   the figure is told by the day, so that the first day is measured whole
    """
    if first is None:
        return None
    day = first.astimezone(ZoneInfo(before.zone)).date()
    is_whole = day <= before.first if is_daily else first <= before.since + timedelta(hours=1)
    return None if is_whole else day


def _unlike(lack: Lack | None) -> Reason | None:
    """Why reports of two spans bear no verdict."""
    if lack is None:
        return None
    if lack.ended:
        return Reason(why="ended", day=lack.ended)
    if lack.begun:
        return Reason(why="unmeasured", day=lack.begun)
    return Reason(why="accounts" if lack.is_of_some else "gaps", days=lack.days)


def arrived(delays: Sequence[float], period: Period, now: datetime) -> float:
    """The share of a span's outcomes that have come by now, if they come as they used to.

    delays   days from a record's creation to its outcome, in complete cohorts, rising
    """
    passed = period.so_far(now)
    if passed is None or not delays:
        return 0.0
    half, parts = (passed.until - passed.since) / passed.days / 2, []
    for i in range(passed.days):
        age = (now - (passed.since + half * (2 * i + 1))) / timedelta(days=1)
        parts.append(bisect_right(delays, age) / len(delays))
    return sum(parts) / len(parts)


def immature(delays: Sequence[float], period: Period, before: Period, now: datetime) -> Reason | None:
    """Why cohorts of these spans are not alike: the newer one has had less time for its outcomes."""
    if now - period.until >= COMPLETE:
        return None
    if len(delays) < ENOUGH_OUTCOMES:
        return Reason(why="little_history")
    share = arrived(delays, period, now)
    return Reason(why="young", share=share) if share < ENOUGH_ALIKE * arrived(delays, before, now) else None


# ── with the stores ──


def reported(ctx: Context, site: Site) -> dict[Account, Told]:
    """The days that reports tell of, by ad account: looked up once until the data change."""

    def looked_up() -> dict[Account, Told]:
        return days_told(ctx.runner.look_up(SQL["reported_days"], {"site": site.id}))

    return ctx.runner.kept(("reported", site.id), looked_up)


class History:
    """What is known of a site's own past: when each view begins, and how long outcomes take. Looked up now and then."""

    def __init__(self, ctx: Context) -> None:
        self._ctx, self._known = ctx, dict[tuple[int, str], tuple[float, list[float]]]()
        self._scatters: TTLCache[tuple[int, bytes, str], float] = TTLCache(10_000, SCATTER_FRESH_S)
        self._silent: TTLCache[tuple[int, str, date, date], Days] = TTLCache(1_000, FRESH_S)
        self._lock = threading.Lock()  # of the caches, which many requests use at once

    def first(self, site: int, view: str) -> datetime | None:
        """The first moment at which this view holds anything."""
        view = "visits" if view in OF_VISITS else view
        found = self._looked_up(site, view, SQL["first_moment"], {"site": site, "measured": view})
        return datetime.fromtimestamp(found[0], UTC) if found else None

    def delays(self, site: int, figure: Metric, now: datetime) -> list[float]:
        """Days from creation to outcome in complete cohorts, rising."""
        bound = {"site": site, "since": now - HISTORY, "until": now - COMPLETE}
        return sorted(self._looked_up(site, figure.arrives, SQL[figure.arrives], bound))

    def reported(self, address: Address) -> dict[Account, Told]:
        """The days that reports tell of, of the ad accounts that the filters leave."""
        told = reported(self._ctx, address.site)
        for f in address.where:
            if f.op == "is" and f.by in ("ad_system", "ad_account"):
                place = ("ad_system", "ad_account").index(f.by)
                told = {account: one for account, one in told.items() if account[place] in f.values}
        return told

    def silent(self, site: Site, span: Period, before: Period | None, now: datetime) -> Days:
        """Of the days up to yesterday, those of both spans on which the counter did not run: asked once for both."""
        first, last = min(span.first, before.first if before else span.first), _last_over(span, now)
        began = self.first(site.id, "visits")
        since = max(first - timedelta(days=AROUND_DAYS), _day_after(began, site.zone)) if began else last
        if not began or since >= last:
            return frozenset()
        key = (site.id, site.zone, since, last)
        with self._lock:
            known = self._silent.get(key)
        if known is None:
            around = Period(name="", first=since, last=last, zone=site.zone)
            bound = {"site": site.id, "zone": site.zone, "since": around.since, "until": around.until}
            visits = dict(self._ctx.runner.look_up(SQL["visits_by_day"], bound))
            known = silent_days(visits, sorted(days_between(since, last)))
            with self._lock:
                self._silent[key] = known
        return known and known & (_days_of(span) | (_days_of(before) if before else frozenset()))

    def scatters(self, address: Address, names: Sequence[str]) -> dict[str, float | None]:
        """How much the days of these figures vary, by the weeks before the period: one question for all of them."""
        last = _week_before(address.period.first)
        keys = self._scatter_keys(address, names, last)
        with self._lock:
            found: dict[str, float | None] = {n: self._scatters[keys[n]] for n in names if keys[n] in self._scatters}
        missing = [n for n in names if n not in found]
        days = self._days(address, missing, last) if missing else {}
        fresh = {n: scatter_of(n, days[n]) for n in missing}
        with self._lock:
            # too few days are looked for again: an import of history may bring them
            self._scatters.update({keys[n]: scatter for n, scatter in fresh.items() if scatter is not None})
        return found | fresh

    def _scatter_keys(self, address: Address, names: Sequence[str], last: date) -> dict[str, tuple[int, bytes, str]]:
        """What the scatter of each figure is remembered under, whichever figures it is asked with."""
        of_goals = {n for n in names if any(p.rests_on_goals for p in _parts(n))}
        goals = self._ctx.runner.main_goals(address.site.id) if of_goals else ()
        about = (address.site.zone, address.where, address.with_bots, last)
        plain, with_goals = _digest((*about, ())), _digest((*about, goals))
        return {n: (address.site.id, with_goals if n in of_goals else plain, n) for n in names}

    def _days(self, address: Address, names: Sequence[str], last: date) -> dict[str, list[Mapping[str, Value]]]:
        """Whole measured days up to this one, oldest first, for each of these figures."""
        weeks = msgspec.structs.replace(
            address.period, first=last - timedelta(days=SCATTER_DAYS - 1), last=last, ends=None
        )
        firsts = {n: self._first_day(address, n, weeks) for n in names}
        asked = tuple(n for n in names if firsts[n] <= last - timedelta(days=ENOUGH_DAYS - 1))
        if not asked:
            return {n: [] for n in names}
        question = address.question(with_cases(asked), ("day",), weeks)
        rows = {row.key[0]: row.figures for row in self._ctx.runner.ask(question).rows}
        days = {day: rows.get(day, {}) for day in buckets(question)}
        return {n: [d for day, d in days.items() if day >= firsts[n]] if n in asked else [] for n in names}

    def _first_day(self, address: Address, name: str, weeks: Period) -> date:
        """The first whole measured day of a figure within these weeks; none if it lies after them."""
        found = weeks.first
        for part in _parts(name):
            first = self.first(address.site.id, part.view)
            day = first.astimezone(ZoneInfo(weeks.zone)).date() if first else weeks.last
            found = max(found, day + timedelta(days=1) if not first or first > weeks.since else found)
        return found

    def _looked_up(self, site: int, what: str, sql: str, bound: dict[str, Any]) -> list[float]:
        key, at = (site, what), time.monotonic()
        known = self._known.get(key)
        if known and known[1] and at - known[0] < FRESH_S:
            return known[1]
        found = [float(row[0]) for row in self._ctx.runner.look_up(sql, bound)]
        self._known[key] = (at, found)
        return found


def recounting(
    ctx: Context, site: Site, figures: Iterable[str], by: Iterable[str] = (), where: Iterable[Filter] = ()
) -> float | None:
    """The share done (0 to 1) while one of these figures, splits or filters is counted anew; None while none is.

    Whatever is read range by range of visitors from rows that are being rewritten is mixed meanwhile: what rests on
    goals while goals have changed, and all that is derived of visits while rules, hosts or the currency have.
    """
    return share_of(ctx.offers.recounted(site), figures, by, where)


def share_of(
    recount: Recount | None, figures: Iterable[str], by: Iterable[str] = (), where: Iterable[Filter] = ()
) -> float | None:
    """The same where it is known already how far the site is counted anew: asking that takes three questions."""
    if recount is None:
        return None
    dimensions = [DIMENSIONS[name] for name in (*by, *(f.by for f in where)) if name in DIMENSIONS]
    is_mixed = any(
        p.rests_on_goals or (recount.is_all and p.view in DERIVED) for name in figures for p in _parts(name)
    ) or any(d.home == GOALS or (recount.is_all and d.home in DERIVED and not d.is_time) for d in dimensions)
    return recount.share if is_mixed else None


NOTES = "x-tandem-notes"
"""The header that answers for programs say it in."""


def anew(name: str, share: float) -> str:
    """A column that is being counted anew, for programs and files: `collect.conversions (being recounted, 40%)`."""
    return f"{name} (being recounted, {int(share * 100)}%)"


def reason_of(
    ctx: Context, address: Address, name: str, before: Period | None = None, by: tuple[str, ...] = ()
) -> Reason | None:
    """Why a figure (split `by`) bears no verdict: it is counted anew, or its comparison bears none.

    None if it bears one, or if nothing is compared
    """
    return reason_known(ctx, address, name, ctx.offers.recounted(address.site), before, by)


def reason_known(
    ctx: Context, address: Address, name: str, recount: Recount | None, before: Period | None = None,
    by: tuple[str, ...] = (),
) -> Reason | None:  # fmt: skip
    """The same where it is known already how far the site is counted anew (`found`)."""
    now, site = address.now, address.site
    share = share_of(recount, (name,), by, address.where)
    if share is not None:
        return Reason(why="recounting", share=share)
    before = before or address.before
    if before is None:
        return None
    if address.period.so_far(now) is None:
        return Reason(why="ahead")
    parts = _parts(name)
    history = history_of(ctx)
    firsts = [unmeasured(before, history.first(site.id, p.view), "hour" not in p.by) for p in parts]
    if days := [day for day in firsts if day]:
        return Reason(why="unmeasured", day=max(days))
    if clocks_differ(address.period, before, now):
        return Reason(why="clocks")
    settles = _settles_after(name)
    if settles and settled_until(address.period, settles, now) is None:
        return Reason(why="settling", days=settles)
    span, earlier, _ = like_spans(address.period, before, settles, now) or (address.period, before, None)
    if why := _gaps(history, address, parts, span, earlier):
        return why
    if any(p.is_reported for p in parts) and (why := _known_unlike(ctx, address, span, earlier)):
        return why
    for part in parts:
        if part.arrives and (why := immature(history.delays(site.id, part, now), address.period, before, now)):
            return why
    return None


def _gaps(history: History, address: Address, parts: list[Metric], span: Period, before: Period) -> Reason | None:
    """Why spans are unlike of which not all is measured, or not by the same ad accounts."""
    if any(p.is_reported for p in parts):
        last = min(span.last, address.now.astimezone(ZoneInfo(span.zone)).date())
        lack = lack_of(history.reported(address), days_between(span.first, last), _days_of(before))
        if why := _unlike(lack):
            return why
    if any(p.view in DERIVED for p in parts) and (days := history.silent(address.site, span, before, address.now)):
        return Reason(why="gaps", days=len(days))
    return None


def _known_unlike(ctx: Context, address: Address, span: Period, before: Period) -> Reason | None:
    """Why costs are unlike that are known for another share of the paid visits then than now.

    Costs written down by hand and reports that were taken back are in no account's days; visits tell of them.
    """
    names = ("ads.reported_visits", "ads.visits")
    if any(f.by not in FIGURES[name].by for f in address.where for name in names):  # type: ignore[union-attr]
        return None
    shares = []
    for one in (span, before):
        total = ctx.runner.ask(address.question(names, period=one)).total
        known, paid = (total.get(name) or 0 for name in names)
        shares.append(known / paid if paid else 1.0)
    return Reason(why="costs", share=min(shares)) if max(shares) - min(shares) > KNOWN_ALIKE else None


def unmeasured_days(ctx: Context, address: Address, name: str) -> Days:
    """The days of the period and of its comparison on which something that a figure is made of was not measured."""
    history, parts, missing = history_of(ctx), _parts(name), frozenset[date]()
    spans = [address.period, *([address.before] if address.before else [])]
    if any(p.is_reported for p in parts):
        told = history.reported(address).values()
        missing |= frozenset().union(*map(_days_of, spans)) - frozenset().union(*(one.days for one in told))
    if any(p.view in DERIVED for p in parts):
        missing |= history.silent(address.site, address.period, address.before, address.now)
    return missing


def unripe(ctx: Context, address: Address, name: str) -> Reason | None:
    """Why what a figure counts has not all come yet, compared or not; None where it has, or comes at once."""
    for part in _parts(name):
        if not part.arrives or address.now - address.period.until >= COMPLETE:
            continue
        delays = history_of(ctx).delays(address.site.id, part, address.now)
        if len(delays) < ENOUGH_OUTCOMES:
            return Reason(why="little_history")
        share = arrived(delays, address.period, address.now)
        if share < ENOUGH_ALIKE:
            return Reason(why="young", share=share)
    return None


def measured_since(ctx: Context, site: Site, name: str) -> date | None:
    """The first day, in the site's zone, on which all that a figure is made of was measured; None before that."""
    firsts = [history_of(ctx).first(site.id, part.view) for part in _parts(name)]
    days = [first.astimezone(ZoneInfo(site.zone)).date() for first in firsts if first]
    return max(days) if len(days) == len(firsts) else None


def compared(ctx: Context, address: Address, figures: Sequence[str], now: dict[str, Value]) -> dict[str, Compared]:
    """Each figure beside its comparison.

    now   the figures of the whole period, as the page shows them; with their cases (`with_cases`) nothing is asked anew
    """
    alone = {f: Compared(figure=FIGURES[f], value=now.get(f), before=None) for f in figures}
    before = address.before
    anew = ctx.offers.recounted(address.site)
    reasons = {f: reason_known(ctx, address, f, anew, before) for f in figures}
    found = {f: msgspec.structs.replace(alone[f], reason=reasons[f]) for f in figures}
    if before is None:
        return found
    groups: dict[int, list[str]] = {}
    for f in figures:
        if reasons[f] is None:
            groups.setdefault(_settles_after(f), []).append(f)
    for settles, names in groups.items():
        spans = like_spans(address.period, before, settles, address.now)
        assert spans is not None, "reason_of has said so"
        found |= _compared(ctx, address, names, now, spans)
    return found


def _compared(
    ctx: Context, address: Address, names: list[str], now: dict[str, Value], spans: tuple[Period, Period, date | None]
) -> dict[str, Compared]:
    """Figures that bear a comparison, over these spans."""
    (period, earlier, last), asked = spans, with_cases(names)
    needs_now = last is not None or any(n not in now for n in asked)
    runner = ctx.runner
    questions = [address.question(asked, period=p) for p in ((earlier, period) if needs_now else (earlier,))]
    results = [r.total for r in runner.ask_all(questions)]
    old, new = results[0], results[1] if needs_now else now
    moved = [n for n in names if relative(new.get(n), old.get(n))]
    scatters = history_of(ctx).scatters(address, moved)
    days = _days_passed(period, address.now)

    def is_beyond_chance(name: str) -> bool:
        scatter = scatters[name]
        return is_clear(name, new, old, assumed_scatter(name, new, old, days) if scatter is None else scatter)

    return {
        n: Compared(
            figure=FIGURES[n], value=new.get(n), before=old.get(n), settled=last, span=period, against=earlier,
            is_clear=n in moved and is_beyond_chance(n),
        )
        for n in names
    }  # fmt: skip


class Rows:
    """The parts of a figure (rows of a table) beside their comparison."""

    def __init__(self, ctx: Context, address: Address, name: str, reason: Reason | None = None) -> None:
        """reason   why the comparison of the figure bears no verdict (`reason_of`)."""
        self._name, self._reason, self._whole = name, reason, 0.0
        self._days = _days_passed(address.period, address.now)
        is_compared = reason is None and address.before is not None
        self._scatter = history_of(ctx).scatters(address, (name,))[name] if is_compared else None

    @property
    def needs_whole(self) -> bool:
        """Whether it has to be told the whole (`know`): where the site's own past says how much the figure scatters."""
        return self._scatter is not None

    def know(self, whole: Sequence[Value]) -> None:
        """The figure of both spans without the split: what rows are parts of, whatever else narrows the table."""
        self._whole = sum(abs(value or 0) for value in whole)

    def compared(self, now: Mapping[str, Value], before: Mapping[str, Value]) -> Compared:
        """One row; `now` and `before` are the figure of the row, and its cases."""
        name = self._name
        value, old = now.get(name), before.get(name)
        part = abs(value or 0) + abs(old or 0)
        if self._scatter is None:
            scatter = assumed_scatter(name, now, before, self._days)
        else:
            scatter = of_part(self._scatter, part / self._whole if self._whole else 1.0)
        clear = self._reason is None and is_clear(name, now, before, scatter)
        return Compared(figure=FIGURES[name], value=value, before=old, is_clear=clear, reason=self._reason)


def _parts(name: str) -> list[Metric]:
    """The counted figures that a figure is made of."""
    return [f for f in map(FIGURES.__getitem__, counted((name,))) if isinstance(f, Metric)]


def _digest(what: object) -> bytes:
    """A key of fixed size: filters are as long as their reader likes."""
    return hashlib.blake2b(repr(what).encode(), digest_size=16).digest()


def _days_passed(period: Period, now: datetime) -> float:
    passed = period.so_far(now) or period
    return (passed.until - passed.since) / timedelta(days=1)


def _days_of(span: Period) -> Days:
    return days_between(span.first, span.last)


def _last_over(span: Period, now: datetime) -> date:
    """The last day of a span that is over."""
    return min(span.last, now.astimezone(ZoneInfo(span.zone)).date() - timedelta(days=1))


def _day_after(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)


def _week_before(day: date) -> date:
    """The Sunday before the week of this day: all periods that begin in one week share one past, asked once."""
    return day - timedelta(days=day.weekday() + 1)


def _settles_after(name: str) -> int:
    return max((p.settles_after for p in _parts(name)), default=0)


def history_of(ctx: Context) -> History:
    """What is known of the past of sites."""
    return ctx.state(History, lambda: History(ctx))


def goals_missing(ctx: Context, site: Site) -> bool:
    """Whether nobody has chosen a main goal, so that conversions cannot be counted."""
    return not ctx.runner.main_goals(site.id)
