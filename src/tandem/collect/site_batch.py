"""One site's share of a batch, as rows of the event store; and the visits that it touches."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from tandem.accounts.model import Site
from tandem.base import clock, log
from tandem.base.database import Database
from tandem.base.paths import normal_path
from tandem.base.remembered import remembered
from tandem.base.warehouse import Warehouse
from tandem.collect import store
from tandem.collect.model.active_times import ActiveTimes
from tandem.collect.model.agents import agent_id
from tandem.collect.model.hit import DAY_MS, LARGEST_MS, LAST_KEPT_DAY, Record, SpoolEvent, date_of_day
from tandem.collect.model.origins import Origin, origin_id, origin_of, tag_key
from tandem.collect.model.placed import Placed
from tandem.collect.model.quota import Quota

MOST_KEPT = 100_000
SHORT = 400

FACT_COLUMNS = (
    "site",
    "id",
    "visitor",
    "at",
    "received",
    "kind",
    "name",
    "host",
    "path",
    "query",
    "referrer",
    "origin",
    "campaign",
    "agent",
    "language",
    "width",
    "country",
    "city",
    "network",
    "born",
    "engaged_ms",
    "scroll",
    "value",
    "amount",
    "currency",
    "props",
    "status",
    "marks",
    "keep_until",
    "nth",
)
_MARKS = FACT_COLUMNS.index("marks")
_PROPS = FACT_COLUMNS.index("props")
_TEXTS = slice(FACT_COLUMNS.index("name"), FACT_COLUMNS.index("referrer") + 1)  # and host, path and query between them
_RECEIVED = FACT_COLUMNS.index("received")
_FORMER = len(FACT_COLUMNS)  # behind the columns: the id that earlier versions gave the event


class Identified(NamedTuple):
    """What a site told of a browser: sealed values, as they were taken in.

    is_counted   whether the ledger has it: it was handed on before, or is a repetition
    """

    visitor: int
    at: int
    event: int
    sealed: str
    country: str
    is_counted: bool = False


class LoaderMemory(Protocol):
    """What the loader of a spool has at hand for its batches, and remembers from one to the next.

    kept_ids   of visitors whose id changed in mid-visit: new id -> the id that their visit has
    """

    warehouse: Warehouse
    database: Database
    quota: Quota
    kept_ids: dict[int, int]
    identified: Callable[[Site, Sequence[Identified]], None]

    def note_rules(self, site: Site, origins: dict[int, Origin], agents: dict[int, str]) -> None:
        """Keep what the rules make of referrers and user agents that were not seen before."""


class SiteBatch:
    """One site's share of a batch: read when made, written by `write`.

    outcomes   position -> what becomes of an event that is not stored; filled here when the batch `is_first` looked at
    aside      position -> why an event cannot be loaded
    """

    def __init__(
        self,
        loader: LoaderMemory,
        site: Site,
        placed: list[Placed],
        token: str,
        aside: dict[int, str],
        outcomes: dict[int, str],
        is_first: bool,
        handed: set[int],
    ) -> None:
        self.handed = handed
        self.loader, self.site, self.token = loader, site, token
        self.identified: list[tuple[int, Identified]] = []
        self.origins: dict[int, Origin] = {}
        self.agents: dict[int, str] = {}
        self._keep_visits_whole(placed)
        rows = list(self._read(placed, aside))
        if is_first:
            outcomes.update(self._too_much(rows))
        rows = [(place, row) for place, row in rows if outcomes.get(place) != "too_much"]
        self.first_at = _first_moments(rows)
        self.near = store.mark_stale(loader.warehouse, self.first_at)
        stored, twins = self._known(rows)
        if earlier := {v: at for v, at in twins.items() if at < self.first_at.get(v, at)}:
            # A server's word takes the browser's place, which may lie days back: its visit is derived anew too.
            self.first_at |= earlier
            self.near = store.mark_stale(loader.warehouse, self.first_at)
        if is_first:
            outcomes.update(_duplicates(rows, stored))
        self.rows = [
            row for place, row in rows if place not in outcomes and (is_first or (row[2], row[1]) not in stored)
        ]
        self.claims = [
            (place, one._replace(is_counted=place in handed or outcomes.get(place) == "duplicate"))
            for place, one in self.identified
            if outcomes.get(place) != "too_much"
        ]

    def _read(self, placed: list[Placed], aside: dict[int, str]) -> Iterator[tuple[int, tuple[Any, ...]]]:
        keys: dict[str, int] = {}
        for one in placed:
            record = one.record
            if (agent := keys.get(record.agent)) is None:
                agent = keys[record.agent] = agent_id(record.agent)
                self.agents[agent] = record.agent
            for place, event in one.events:
                try:
                    yield place, self._row(place, record, event, agent)
                except (ValueError, TypeError, ArithmeticError) as error:
                    aside[place] = reason_of(error)

    def _too_much(self, rows: list[tuple[int, tuple[Any, ...]]]) -> Iterator[tuple[int, str]]:
        """Events beyond what one visitor may send in a day. A server's events are not counted: its token is known."""
        of_visitors: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for place, row in rows:
            if not row[_MARKS] or "api" not in row[_MARKS]:
                key, size = (row[2], row[_RECEIVED] // DAY_MS), (place, _size(row))
                if (events := of_visitors.get(key)) is None:
                    of_visitors[key] = [size]
                else:
                    events.append(size)
        for (visitor, day), events in of_visitors.items():
            on = date_of_day(day)
            taken = self.loader.quota.takes(self.site.id, visitor, on, [size for _, size in events])
            for place, _ in events[taken:]:
                yield place, "too_much"

    def _known(self, rows: list[tuple[int, tuple[Any, ...]]]) -> tuple[frozenset[tuple[int, int]], dict[int, datetime]]:
        if not rows:
            return frozenset(), {}
        moments = [row[3] for _, row in rows]
        resent = [key for _, row in rows if row[_MARKS] for key in (row[1], row[_FORMER]) if key]
        span = (clock.from_ms(min(moments)), clock.from_ms(max(moments)))
        of_servers = [row[1] for _, row in rows if "api" in row[_MARKS]]
        return store.stored_already(self.loader.warehouse, self.site, self.near, span, resent, of_servers)

    def write(self) -> None:
        """Store the facts and derive the visits; done twice it changes nothing."""
        warehouse = self.loader.warehouse
        self.loader.note_rules(self.site, self.origins, self.agents)
        if self.rows:
            columns = zip(FACT_COLUMNS, map(list, zip(*self.rows, strict=True)), strict=False)
            store.add_events(warehouse, dict(columns), self.token)
        if self.claims:
            self.loader.identified(self.site, [one for _, one in self.claims])
            self.handed.update(place for place, _ in self.claims)
        if not self.first_at:
            return
        goals = store.goals_of(self.loader.database, self.site)
        sizes = self.loader.quota.sizes(self.site.id, self.first_at)
        store.derive_visits(warehouse, self.site, self.near, self.first_at, goals, sizes)

    def _row(self, place: int, record: Record, event: SpoolEvent, agent: int) -> tuple[Any, ...]:
        """The values of FACT_COLUMNS. Moments and days are numbers, as the store keeps them: half the time of dates."""
        origin_key = campaign = 0
        props = event.props
        if event.kind == "identify":  # who they are stays out of the events
            identified = Identified(record.visitor, event.at, event.id, props.get("sealed", ""), record.country)
            self.identified.append((place, identified))
            props = {}
        if event.kind == "pageview" and (event.query or event.referrer):
            origin, origin_key, campaign = _origin(event.query, event.referrer)
            if origin_key:
                self.origins[origin_key] = origin
        return (
            self.site.id,
            event.id,
            record.visitor,
            event.at,
            record.received,
            event.kind,
            event.name,
            event.host,
            _path(event.path),  # collectors of earlier versions spooled it as it was sent
            event.query,
            event.referrer,
            origin_key,
            campaign,
            agent,
            record.language,
            record.width,
            record.country,
            record.city,
            record.network,
            record.born,
            event.engaged_ms,
            event.scroll,
            event.value,
            Decimal(event.amount or 0),
            event.currency,
            props,
            event.status,
            event.marks,
            min(event.at // DAY_MS + self.site.keep_days, LAST_KEPT_DAY),
            event.nth,
            event.former,
        )

    def _keep_visits_whole(self, placed: list[Placed]) -> None:
        """Give a visitor whose id changed in mid-visit (new salt at midnight, consent given) the id the visit has."""
        changed = [p for p in placed if p.record.before]
        if not changed:
            return
        kept_ids = self.loader.kept_ids
        asked = {who for r in (p.record for p in changed) for who in (r.before, r.visitor, kept_ids.get(r.visitor, 0))}
        times = self._active_times(asked, min(e.at for p in changed for _, e in p.events))
        theirs = [p for p in placed if p.record.before or p.record.visitor in asked]
        for one in sorted(theirs, key=lambda p: (p.events[0][1].at, p.record.before)):
            record, moments = one.record, [e.at for _, e in one.events]
            old = self._id_of_visit(record, min(moments), times) if record.before else 0
            if old:
                if len(kept_ids) > MOST_KEPT:
                    kept_ids.clear()
                kept_ids[record.visitor] = old
                record.visitor = old
            times[record.visitor].add(min(moments), max(moments))

    def _active_times(self, visitors: set[int], oldest: int) -> defaultdict[int, ActiveTimes]:
        """When these visitors were active, as far as the store knows and it matters to what happened at `oldest`."""
        times = defaultdict[int, ActiveTimes](ActiveTimes)
        for visitor, spans in store.active_spans(self.loader.warehouse, self.site, sorted(visitors), oldest).items():
            for first, last in spans:
                times[visitor].add(clock.to_ms(first), clock.to_ms(last))
        return times

    def _id_of_visit(self, record: Record, at: int, times: defaultdict[int, ActiveTimes]) -> int:
        """The old id under which this visit goes on, or 0.

        An id that was kept a moment ago is kept though address or agent have changed since. Whoever has visits under
        the new id already goes on with it: the old one is a neighbour's.
        """
        if times[record.visitor].cover(at):
            return 0
        visit_id = self.loader.kept_ids.get(record.visitor, 0)
        if visit_id and times[visit_id].cover(at):
            return visit_id
        return record.before if times[record.before].cover(at) else 0


_path = remembered(8_192, longest=200)(normal_path)  # visitors of a site see the same pages


def reason_of(error: Exception) -> str:
    """Why an event cannot be loaded, for log and files: without what the visitor wrote."""
    return f"{type(error).__name__}: {log.without_values(str(error))}"[:200]


def _origin(query: str, referrer: str) -> tuple[Origin, int, int]:
    """The origin with its keys. Long texts are a stranger's, or unlike all others: they are not worth remembering."""
    return (_short_origin if len(query) + len(referrer) <= SHORT else _any_origin)(query, referrer)


@lru_cache(maxsize=8_192)
def _short_origin(query: str, referrer: str) -> tuple[Origin, int, int]:
    return _any_origin(query, referrer)


def _any_origin(query: str, referrer: str) -> tuple[Origin, int, int]:
    origin = origin_of(query, referrer)
    return origin, origin_id(origin), tag_key(origin)


def _duplicates(
    rows: list[tuple[int, tuple[Any, ...]]], stored: frozenset[tuple[int, int]]
) -> Iterator[tuple[int, str]]:
    """Events that the store has, or that came before in the same batch.

    stored  (visitor, id); (ANYBODY, id) where a browser sent the event again, perhaps under another visitor id, and
            (SERVER, id) of events that a server sent. What a browser sends is never taken for a server's.
    """
    keys = {(row[2], row[1]) for _, row in rows}
    if len(keys) == len(rows) and keys.isdisjoint(stored) and not any(row[_MARKS] for _, row in rows):
        return  # as nearly always
    seen = set(stored)
    for place, row in rows:
        key, marks, size = (row[2], row[1]), row[_MARKS], len(seen)
        if not marks:
            seen.add(key)
            is_known = len(seen) == size
            seen.add((store.ANYBODY, row[1]))
        else:
            owner = store.SERVER if "api" in marks else store.ANYBODY
            is_known = (owner, row[1]) in seen or (owner, row[_FORMER] or row[1]) in seen
            is_known = is_known or (owner == store.ANYBODY and key in seen)
            seen |= {key, (owner, row[1])}
        if is_known:
            yield place, "duplicate"


def _size(row: tuple[Any, ...]) -> int:
    """About how many bytes an event takes."""
    size = 150 + _bytes_of("".join(row[_TEXTS]))
    return size + sum(_bytes_of(k) + _bytes_of(v) for k, v in row[_PROPS].items()) if row[_PROPS] else size


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _first_moments(rows: list[tuple[int, tuple[Any, ...]]]) -> dict[int, datetime]:
    """When each visitor's earliest event was."""
    first: dict[int, int] = {}
    for _, row in rows:
        visitor, at = row[2], row[3]
        if at < first.get(visitor, LARGEST_MS):
            first[visitor] = at
    return {visitor: clock.from_ms(at) for visitor, at in first.items()}
