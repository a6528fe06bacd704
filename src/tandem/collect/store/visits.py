"""Visits, derived from facts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.warehouse import Warehouse
from tandem.collect.model.agents import agent_id
from tandem.collect.model.goal import Goal
from tandem.collect.model.long_visit import LastVisit, goes_on
from tandem.collect.store.common import NEVER, SQL

DERIVE, SPANS = SQL["derive_visits"], SQL["stale_spans"]
GOES_ON, EXTEND = SQL["goes_on"], SQL["extend_visit"]
READ_TOGETHER = 32 << 20
"""Bytes of events that one statement derives visits from, where more than one visitor has sent so much."""
ANEW_TOGETHER = 64 << 20
"""The same where all visits of many visitors are derived again."""
LONG, MOST_NEW = 10_000, 2_000
"""From how many facts on a visit is lengthened where that is possible, and by how many at once.

Deriving a shorter visit costs less. TRAP: the engine copies a value as often as a statement names it: 20,000 new facts
take twenty times as long as 5,000.
"""


def mark_stale(
    warehouse: Warehouse, since: Mapping[int, datetime], chains: Mapping[int, datetime] | None = None
) -> int:
    """Note whose visits are to be derived again and from when; returns the batch to name later.

    chains   when the chain began that is under way at `since`, where it began before
    """
    batch, visitors, chains = clock.now_ns(), list(since), chains or {}
    columns: dict[str, list[Any]] = {
        "batch": [batch] * len(visitors),
        "visitor": visitors,
        "since": [since[v] for v in visitors],
        "chain_started": [chains.get(v, NEVER) for v in visitors],
    }
    warehouse.insert("stale_visits", columns)
    return batch


def derive_visits(
    warehouse: Warehouse, site: Site, near: int, first_at: Mapping[int, datetime], goals: Sequence[Goal],
    sizes: Mapping[int, int] = MappingProxyType({}),
) -> None:  # fmt: skip
    """Make the visits of these visitors anew, from the first visit that facts at `first_at` may belong to.

    near       the batch of stale_visits that says the same as `first_at`
    first_at   visitor -> moment of the earliest new fact
    sizes      visitor -> bytes of today's events, as far as they are known: those with very many are not read together
    """
    since, chains = dict(first_at), dict[int, datetime]()
    bound = {"batch": near, "site": site.id, "since": min(first_at.values())}
    spans = [VisitsNear(*row) for row in warehouse.ask(SPANS, bound).rows]
    version = _version_after(max((span.newest for span in spans), default=0))
    for span in spans:
        visitor = span.visitor
        if (moment := span.since) < since[visitor]:
            since[visitor] = moment
            if span.chain_started < span.since:  # else it begins with the facts that are read, if they still count
                chains[visitor] = span.chain_started
        if span.last[-1] >= LONG and _lengthen(
            warehouse, site, span, since[visitor], first_at[visitor], goals, version
        ):
            del since[visitor]
            chains.pop(visitor, None)
    for together in _read_together(since, sizes):
        spans_of = {visitor: since[visitor] for visitor in together}
        batch = near if spans_of == first_at else mark_stale(warehouse, spans_of, chains)
        _write_visits(warehouse, site, batch, min(spans_of.values()), goals, version)


def _read_together(visitors: Iterable[int], sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """Visitors in parts whose events fit into memory: deriving takes five to six times the bytes that it reads."""
    part, size = list[int](), 0
    for visitor in visitors:
        own = sizes.get(visitor, 0)
        if part and size + own > READ_TOGETHER:
            yield part
            part, size = [], 0
        part.append(visitor)
        size += own
    if part:
        yield part


def _version_after(newest: int) -> int:
    return clock.version_after(newest, clock.now_ns(), 2)  # a visit's row has the odd one, its removal the even one


class VisitsNear(NamedTuple):
    """What a visitor's new facts may touch; moments in UTC, without their zone.

    since           the first moment of the first visit near them, and when its chain began
    newest          the newest version of these visits
    others_ended    when the last of them ended, but for `last`; 1970 when there is no other
    last            the fields of a LastVisit
    """

    visitor: int
    since: datetime
    chain_started: datetime
    newest: int
    others_ended: datetime
    last: tuple[Any, ...]


def _lengthen(
    warehouse: Warehouse, site: Site, near: VisitsNear, since: datetime, first_at: datetime, goals: Sequence[Goal],
    version: int,
) -> bool:  # fmt: skip
    """Add this visitor's new facts to the last visit, if it is long and that is all that they change; else False.

    What is added is all that lies behind the end of the stored visit, not the facts of a batch: a batch that is loaded
    again after a crash finds them before that end, and the visits are derived anew.
    """
    last = LastVisit(*near.last)
    is_last = near.others_ended < last.opened and last.ended < first_at
    if not is_last or not last.pageviews:  # a first page view would open the visit anew
        return False
    bound = {"site": site.id, "visitor": near.visitor, **last._asdict()}
    asked = {**bound, "since": since, "currency": site.currency, "most_new": MOST_NEW + 1}
    answer = warehouse.ask(GOES_ON, asked, max_threads=1)
    sums = dict(zip(answer.names, answer.rows[0], strict=True))
    fresh = [(at, *facts) for at, _, _, *facts in sorted(sums.pop("fresh"))]
    is_exact = sums.pop("inside") == last.inside and sums.pop("facts") == sums.pop("known")
    if not is_exact or not 0 < len(fresh) <= MOST_NEW or not goes_on(last, fresh, sums.pop("last_campaign")):
        return False
    last_at = fresh[-1][0]
    longest_ms = (last_at - last.opened) // timedelta(milliseconds=1) + 60_000
    sums["attention_ms"] = min(sums.pop("engaged_ms"), longest_ms)
    bound |= {**sums, "last_at": last_at, "version": version, "of": last.version, "goals": _patterns(goals)}
    # On a cluster the row comes here and goes to its shard, as all that is derived does.
    warehouse.do(EXTEND, bound, max_threads=1, parallel_distributed_insert_select=0)
    return True


def derive_all(warehouse: Warehouse, site: Site, first: int, last: int, goals: Sequence[Goal]) -> None:
    """Make all visits of the visitors with ids from `first` up to `last` anew.

    In parts that fit into memory: whoever sends chooses the ids of visitors, so any range may hold very much.
    """
    bound = {"site": site.id, "first": first, "last": last, "together": ANEW_TOGETHER}
    for part_first, part_last in warehouse.ask(SQL["visitor_parts"], bound, max_execution_time=0).rows:
        _derive_part(warehouse, site, part_first, part_last, goals)


def _derive_part(warehouse: Warehouse, site: Site, first: int, last: int, goals: Sequence[Goal]) -> None:
    batch = clock.now_ns()
    warehouse.do(SQL["mark_all_stale"], {"batch": batch, "site": site.id, "first": first, "last": last})
    bound = {"site": site.id, "first": first, "last": last}
    newest = warehouse.ask(SQL["newest_version"], bound, max_execution_time=0).rows[0][0]
    _write_visits(warehouse, site, batch, datetime(1970, 1, 1, tzinfo=UTC), goals, _version_after(int(newest)))


def _write_visits(
    warehouse: Warehouse, site: Site, batch: int, since: datetime, goals: Sequence[Goal], version: int
) -> None:
    bound = {
        "batch": batch,
        "site": site.id,
        "since": since,
        "currency": site.currency,
        "version": version,
        "goals": _patterns(goals),
        "nameless": agent_id(""),
    }
    warehouse.do(DERIVE, bound)


def _patterns(goals: Sequence[Goal]) -> list[tuple[int, str, str]]:
    return [(g.id, g.kind, g.pattern) for g in goals]


class VisitOf(msgspec.Struct, frozen=True, kw_only=True):
    """A visit as a profile tells it."""

    at: datetime
    channel: str
    source: str
    campaign: str
    term: str
    entry: str
    exit: str
    pageviews: int


class GoalReached(msgspec.Struct, frozen=True, kw_only=True):
    """A goal as a profile tells it."""

    at: datetime
    goal: int
    page: str
    amount: Decimal


def visits_of(warehouse: Warehouse, site: Site, visitors: Sequence[int]) -> list[VisitOf]:
    """The latest 500 visits of these browsers."""
    return warehouse.rows(SQL["visits_of"], VisitOf, site=site.id, visitors=list(visitors))


def goals_reached(warehouse: Warehouse, site: Site, visitors: Sequence[int]) -> list[GoalReached]:
    """The latest 500 goals that these browsers reached."""
    return warehouse.rows(SQL["goals_of"], GoalReached, site=site.id, visitors=list(visitors))
