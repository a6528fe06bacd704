"""What the pages ask: figures by source, the latest calls with their candidates, who was not called back, and pools."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any, NamedTuple

import msgspec
import numpy as np

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.calls import store
from tandem.calls.model.adviser import MOST_VISITS, PAID, Advice, Past, advised, hours_of_overflow
from tandem.calls.store import SQL, Number, Pool
from tandem.core.context import Context
from tandem.metrics.address import Address
from tandem.metrics.ask import series
from tandem.metrics.tabs import Tab
from tandem.people import store as people
from tandem.people.model.identifier import Kind

HEADLINE = ("calls.calls", "calls.answered", "calls.missed_share", "calls.first", "calls.wait", "calls.certainty")
COLUMNS = (
    "calls.calls", "calls.first", "calls.answered", "calls.missed_share", "calls.wait", "calls.talk", "calls.certainty",
)  # fmt: skip
_SPLITS = (
    ("channels", "Channels", "channel", "sources"),
    ("sources", "Sources", "source", "campaigns"),
    ("campaigns", "Campaigns", "campaign", "keywords"),
    ("keywords", "Keywords", "term", ""),
)
TABLES = {
    id: Tab(id=id, title=title, by=by, metrics=COLUMNS, group="sources", drill=drill, nameless="Not known")
    for id, title, by, drill in _SPLITS
}
SHOWN, MOST, MOST_IN_FILE, SHOWN_WAITING = 20, 2_000, 100_000, 10
SORTS = ("at", "wait", "talk", "certainty")
LIVE = timedelta(minutes=30)
PAST = timedelta(days=28)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call in the list."""

    call: int
    at: datetime
    line: str
    caller: int
    outcome: str
    wait_s: int
    talk_s: int
    operator: str
    recording: str
    tag: str
    is_first: bool
    certainty: float
    channel: str
    source: str
    campaign: str
    term: str
    how: str
    person: int


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """How a reader wants the list of calls."""

    most: int = SHOWN
    sort: str = "at"
    is_rising: bool = False
    search: str = ""


class Ringing(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the last half hour."""

    at: datetime
    caller: int
    outcome: str
    channel: str
    source: str
    campaign: str
    term: str
    person: int


class Point(NamedTuple):
    """Calls of a day, or of another step."""

    at: Any
    answered: int
    missed: int


class First(msgspec.Struct, frozen=True, kw_only=True):
    """The first visit of a browser."""

    visitor: int
    at: datetime
    channel: str
    source: str
    campaign: str
    term: str


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """A visit that a call may have come from; visitor 0: from none of them."""

    call: int
    visitor: int
    weight: float
    channel: str
    source: str
    campaign: str
    term: str
    entry: str


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """A call that reached nobody; `back_at` is when its caller was next spoken to or called."""

    call: int
    at: datetime
    line: str
    caller: int
    outcome: str
    channel: str
    person: int
    back_at: datetime

    @property
    def back_s(self) -> float | None:
        return (self.back_at - self.at).total_seconds() if self.back_at > self.at else None


class WaitingCaller(NamedTuple):
    """A caller who was not reached in time: their last missed call, and how many there were."""

    last: Missed
    times: int


class CallBacks(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the missed calls: counted by call, listed by caller."""

    missed: int
    withheld: int
    in_time: int
    late: int
    never: int
    pending: int
    median_s: float | None
    waiting: list[WaitingCaller]


# ── calls ──


def latest(ctx: Context, address: Address, listing: Listing) -> list[Call]:
    """The calls as the list wants them; one more than it shows says that there are more."""
    return ctx.runner.rows(
        SQL["latest"], Call, **bound(address), most=listing.most + 1, sort=listing.sort, search=listing.search,
        is_rising=int(listing.is_rising),
    )  # fmt: skip


def bound(address: Address) -> dict[str, Any]:
    """The bound values of the page's own questions."""
    return {
        "site": address.site.id, "since": address.period.since, "until": address.period.until,
        "filters": [(f.by, f.op, list(f.values)) for f in address.where],
    }  # fmt: skip


def live(ctx: Context, site: Site, now: datetime) -> list[Ringing]:
    """The calls of the last half hour."""
    span = {"site": site.id, "since": now - LIVE, "until": now + timedelta(minutes=5), "most": 10}
    return ctx.warehouse.rows(SQL["live"], Ringing, **span)


def course(ctx: Context, address: Address, now: datetime) -> tuple[list[Point], str]:
    """Answered and missed calls over the period up to now, and the step of the points."""
    step = address.period.step
    question = address.question(("calls.answered", "calls.missed"), (step,))
    result = ctx.runner.ask(question)
    answered, missed = (dict(series(question, result, name)) for name in ("calls.answered", "calls.missed"))
    today: Any = now if step == "hour" else now.astimezone(address.site.tz).date()
    points = [Point(at, int(answered[at] or 0), int(missed[at] or 0)) for at in answered if at <= today]
    return points, step


def first_sources(ctx: Context, site: Site, calls: Sequence[Call]) -> dict[int, First]:
    """Where those callers whose browsers are known came from at their very first visit."""
    callers = tuple(sorted({call.caller for call in calls}))
    browsers = ctx.runner.kept(("calls.browsers", site.id, callers), lambda: people.browsers_of(ctx, site, callers))
    visitors = sorted({browser for of_caller in browsers.values() for browser in of_caller})
    if not visitors:
        return {}
    rows = ctx.runner.rows(SQL["first_visits"], First, site=site.id, visitors=visitors)
    first = {row.visitor: row for row in rows}
    by_caller = {caller: [first[b] for b in of_caller if b in first] for caller, of_caller in browsers.items()}
    return {caller: min(firsts, key=lambda f: f.at) for caller, firsts in by_caller.items() if firsts}


def chances(ctx: Context, site: Site, calls: Sequence[Call]) -> dict[int, list[Chance]]:
    """The candidates of these calls, the most certain first."""
    found: dict[int, list[Chance]] = defaultdict(list)
    if calls:
        for row in ctx.runner.rows(SQL["candidates"], Chance, site=site.id, calls=[c.call for c in calls]):
            found[row.call].append(row)
    return found


def names(ctx: Context, site: Site, callers: Sequence[int]) -> dict[int, str]:
    """The callers' phones, masked."""
    nodes = [(caller, str(Kind.PHONE)) for caller in sorted(set(callers)) if caller]
    return {identifier.node: identifier.text for identifier in people.values_of(ctx, site, nodes)}


def call_backs(ctx: Context, address: Address, within: timedelta, now: datetime) -> CallBacks:
    """Which missed calls were followed by a talk with the caller, or a call to them, within the time given."""
    missed = ctx.runner.rows(SQL["missed"], Missed, **bound(address))
    return concluded(missed, within, now)


def concluded(missed: Sequence[Missed], within: timedelta, now: datetime) -> CallBacks:
    """The same of missed calls at hand, the latest first. Withheld callers cannot be called back: they count apart."""
    misseds = [m for m in missed if m.caller]
    limit = within.total_seconds()
    took = [m.back_s for m in misseds if m.back_s is not None]
    open_ = [m for m in misseds if m.back_s is None]
    by_caller: dict[int, list[Missed]] = defaultdict(list)
    for m in misseds:
        if m.back_s is None or m.back_s > limit:
            by_caller[m.caller].append(m)
    waiting = [WaitingCaller(misseds[0], len(misseds)) for misseds in by_caller.values()]
    pending = sum(1 for m in open_ if m.at + within > now)
    return CallBacks(
        missed=len(missed), withheld=len(missed) - len(misseds), in_time=sum(1 for s in took if s <= limit),
        late=sum(1 for s in took if s > limit), never=len(open_) - pending, pending=pending,
        median_s=median(took) if took else None,
        waiting=sorted(waiting, key=lambda w: (w.last.back_s is not None, -w.last.at.timestamp())),
    )  # fmt: skip


# ── pools ──


class PoolStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A pool with its numbers, and how many of them visits are shown now."""

    pool: Pool
    numbers: list[Number]
    shown: int

    @property
    def lent(self) -> int:
        return sum(1 for n in self.numbers if n.is_on)


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """The advice for a pool, and the hours of the day in which visits found every number busy."""

    advice: Advice
    hours: list[tuple[int, int, int]]
    days: int


def rooms(ctx: Context, site: Site, has_prices: bool = True) -> list[PoolStatus]:
    """The pools of a site; without prices for those who may not see money, so that no page can work them out."""
    numbers = store.numbers_of(ctx, site)
    pool_statuses = []
    for pool in store.pools_of(ctx, site):
        newest = clock.now_ms() - store.VISIT_MS
        live = [seen for _, seen, _, is_overflow in store.live_leases(ctx, site, pool) if not is_overflow]
        own = [n for n in numbers if n.pool_id == pool.id]
        pool = pool if has_prices else msgspec.structs.replace(pool, price=None)
        pool_statuses.append(PoolStatus(pool=pool, numbers=own, shown=sum(1 for seen in live if seen > newest)))
    return pool_statuses


def recommendation(ctx: Context, site: Site, room: PoolStatus, now: datetime) -> Recommendation:
    """The advice from the leases of the last four weeks, 20,000 at most."""
    rows = _leases(ctx, site, room.pool, now - PAST)
    past = Past(
        start=np.array([r[0] / 1000 for r in rows], float), end=np.array([r[1] / 1000 for r in rows], float),
        is_paid=np.array([r[2] in PAID for r in rows], np.bool_), is_overflow=np.array([r[3] for r in rows], np.bool_),
    )  # fmt: skip
    pool = room.pool
    advice = advised(
        past, room.lent, store.delay_of(ctx, site), is_for_all=not pool.channels and not pool.sources,
        is_at_once=pool.reveal == "at_once",
    )  # fmt: skip
    hours = [clock.from_ms(r[0]).astimezone(site.tz).hour for r in rows]
    return Recommendation(advice=advice, hours=hours_of_overflow(hours, [r[3] for r in rows]), days=PAST.days)


def _leases(ctx: Context, site: Site, pool: Pool, since: datetime) -> list[tuple[int, int, str, bool]]:
    """Start and end in ms, channel and overflow, in order of start; those archived and those still live."""
    params = {"site": site.id, "pool": pool.id, "since": since, "most": MOST_VISITS}
    away = ctx.warehouse.ask(SQL["pool_leases"], params).rows
    found = [(clock.to_ms(began), clock.to_ms(seen), str(channel), bool(lost)) for began, seen, channel, lost in away]
    return sorted(found + store.live_leases(ctx, site, pool))[-MOST_VISITS:]
