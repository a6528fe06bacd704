"""The loader: sealed segments of the spool become facts and visits, each exactly once.

What is loaded together is written down first (a batch file with the names of its segments), and so is what was judged
about it, so that after a crash the same batch is made again: what it has stored already is not stored again, and
deriving visits twice gives the same visits.

A batch that fails on its data is tried `PATIENCE` times, then loaded in halves until what fails stands alone (one that
cannot even be judged is made into two batches). That is
put aside (`batches.py`), and the rest goes on. A store that does not work, or lacks memory or time, is no fault of the
data (`warehouse.fault_of`): then everything waits, and nothing is put aside.
"""

import gc
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tandem.accounts.model import Site
from tandem.accounts.store import all_sites
from tandem.base import clock, log
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.warehouse import Fault, Warehouse, fault_of
from tandem.collect import store
from tandem.collect.batches import ASIDE, Batch, Judged, begun, next_batch
from tandem.collect.model.agents import agent_id
from tandem.collect.model.hit import DAY_MS, EARLIEST_MS, LARGEST_MS, LAST_DAY, LATEST_MS, Record, SpoolEvent
from tandem.collect.model.origins import Origin, origin_id, origin_of, tag_key
from tandem.collect.model.rules import Rules, load_rules
from tandem.collect.model.witnesses import Witnesses, is_right_now

MOST_KEPT = 100_000
SHORT = 400
PATIENCE = 3
"""How often a batch is tried as a whole before it is halved."""
VISITOR_EVENTS, VISITOR_BYTES = 20_000, 6 << 20
HALF_HOUR = timedelta(minutes=30)
_log = log.get("collect")
_EPOCH = date(1970, 1, 1)

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
)
_MARKS = FACT_COLUMNS.index("marks")
_PROPS = FACT_COLUMNS.index("props")
_TEXTS = tuple(map(FACT_COLUMNS.index, ("name", "host", "path", "query", "referrer")))
_RECEIVED = FACT_COLUMNS.index("received")
_FORMER = len(FACT_COLUMNS)  # behind the columns: the id that earlier versions gave the event


class ClockInDoubt(UserError):
    """Hits seem to come from a later day: the machine's clock is behind, or it was ahead when they were received."""

    def __init__(self, today: date, newest: date) -> None:
        super().__init__(
            "The clock of this machine is behind: it shows %(today)s, but hits were received on %(newest)s.",
            "Set the clock right; the hits of that day wait until then. If it is right, it was ahead when they were "
            "received: open a page of the site in a browser, and they are put aside as soon as that hit is loaded.",
            status=503, today=today, newest=newest,
        )  # fmt: skip


class Identified(NamedTuple):
    """What a site told of a browser: sealed values, as they were taken in."""

    visitor: int
    at: int
    event: int
    sealed: str
    country: str


class Loaded(NamedTuple):
    """What one batch brought."""

    stored: int
    refused: int
    duplicates: int
    aside: int


class Placed(msgspec.Struct, gc=False):  # made once an event: a named tuple takes four times as long
    """Events of one record with their positions in the batch."""

    record: Record
    events: list[tuple[int, SpoolEvent]]


Ledger = Counter[tuple[int, date, str]]


class Quota:
    """How much one visitor may send in a day; what a loader has counted since it started, for those who came last.

    What is counted holds once it is kept: a batch whose judgement is lost is counted again when it is judged again.
    """

    def __init__(self, events: int = VISITOR_EVENTS, size: int = VISITOR_BYTES) -> None:
        self.events, self.size = events, size
        self._used: OrderedDict[tuple[int, int], tuple[date, int, int]] = OrderedDict()
        self._tried: dict[tuple[int, int], tuple[date, int, int]] = {}

    def takes(self, site: int, visitor: int, on: date, sizes: Sequence[int]) -> int:
        """How many of this visitor's next events of this day are taken; counts them, until kept or forgotten.

        sizes   of the events in their order, in bytes
        """
        key = (site, visitor)
        before = self._tried.get(key) or self._used.get(key) or (on, 0, 0)
        events, used = before[1:] if before[0] == on else (0, 0)
        taken = len(sizes)
        if events + taken > self.events or used + sum(sizes) > self.size:
            room = self.size - used
            taken = sum(1 for total in accumulate(sizes[: max(0, self.events - events)]) if total <= room)
        self._tried[key] = (on, events + taken, used + sum(sizes[:taken]))
        return taken

    def sizes(self, site: int, visitors: Iterable[int]) -> dict[int, int]:
        """The bytes that these visitors have sent today, as far as this loader knows."""
        found = ((v, self._tried.get((site, v)) or self._used.get((site, v))) for v in visitors)
        return {visitor: used[2] for visitor, used in found if used is not None}

    def keep(self) -> None:
        """What was counted since the last time holds: its judgement is saved."""
        for key, used in self._tried.items():
            self._used[key] = used
            self._used.move_to_end(key)
        self._tried.clear()
        while len(self._used) > MOST_KEPT:
            self._used.popitem(last=False)

    def forget(self) -> None:
        """What was counted and not kept is counted anew."""
        self._tried.clear()


class Loader:
    """Loads one spool folder into the event store. One thread at a time."""

    def __init__(
        self,
        warehouse: Warehouse,
        database: Database,
        folder: Path,
        rules: Rules | None = None,
        identified: Callable[[Site, Sequence["Identified"]], None] = lambda site, identifieds: None,
    ) -> None:
        self.warehouse, self.database, self.folder, self.identified = warehouse, database, folder, identified
        self.rules = rules or load_rules()
        self._known_origins: set[tuple[int, int]] = set()
        self._known_agents: set[int] = set()
        self._erased = ""
        self.kept_ids: dict[int, int] = {}
        self.quota = Quota()
        self.went_on: Callable[[], None] = lambda: None
        self.wait_s: Callable[[int], float] = lambda failures: 0.0
        self._waits: dict[str, tuple[int, float]] = {}  # of a batch that failed: how often, and when it is tried again
        self._doubts: dict[str, tuple[date, date]] = {}  # by batch: today, and a later day in the ledger
        self._witnesses = Witnesses()

    def load_all(self, at_once: bool = False) -> int:
        """Load every sealed segment; returns the number of events stored.

        at_once   halve a batch that fails on its data at its first failure: somebody waits for the spool to be empty
        raises    what a batch failed on, after all the others are loaded; at once when the store does not work
        """
        total, failed = 0, dict[Path, Exception | None]()
        waiting = begun(self.folder)
        names = {manifest.stem for manifest in waiting}
        self._doubts = {name: doubt for name, doubt in self._doubts.items() if name in names}
        while manifest := waiting.pop(0) if waiting else next_batch(self.folder, [*failed]) or self._cleared(failed):
            if time.monotonic() < self._waits.get(manifest.stem, (0, 0.0))[1] and not at_once:
                failed[manifest] = None
                continue
            batch = Batch(manifest, clock.now_ms())
            try:
                total += self._load_batch(batch, at_once).stored
            except Exception as error:
                if fault_of(error) is Fault.STORE and not isinstance(error, ClockInDoubt):
                    raise
                if batch.halves:  # it is no batch any more
                    waiting[:0] = batch.halves
                else:
                    failed[manifest] = error
                    self._wait(batch.name)
            else:
                self._waits.pop(batch.name, None)
                self._doubts.pop(batch.name, None)
                batch.finish()
                self.went_on()
        if first := next((error for error in failed.values() if error is not None), None):
            raise first
        return total

    def _wait(self, name: str) -> None:
        failures = self._waits.get(name, (0, 0.0))[0] + 1
        self._waits[name] = failures, time.monotonic() + self.wait_s(failures)

    def _cleared(self, failed: dict[Path, Exception | None]) -> Path | None:
        """A batch that waited for the right time, which the hits that were loaded after it have told meanwhile."""
        for manifest in failed if self._witnesses.say_right else ():
            if manifest.stem in self._doubts:
                del failed[manifest]
                self._waits.pop(manifest.stem, None)
                return manifest
        return None

    @property
    def doubt(self) -> ClockInDoubt | None:
        """Why hits wait whose day has not come."""
        return next((ClockInDoubt(*days) for days in self._doubts.values()), None)

    @property
    def is_stuck(self) -> bool:
        """Whether a batch that failed waits for its next try."""
        return bool(self._waits)

    def _load_batch(self, batch: Batch, at_once: bool) -> Loaded:
        began = time.perf_counter()
        gc.disable()  # a batch is a hundred thousand objects without a cycle; looking through them costs a third
        try:
            loaded = self._load_whole_or_halved(batch, at_once)
        finally:
            gc.enable()
        segments = len(batch.segments)
        _log.info("collect.batch_loaded", batch=batch.name, segments=segments, took_ms=_ms(began), **loaded._asdict())
        return loaded

    def _load_whole_or_halved(self, batch: Batch, at_once: bool) -> Loaded:
        judged = batch.judged
        try:
            loaded = self._load(batch.records, batch.name, judged, batch.save, len(batch.damaged))
        except Exception as error:
            if fault_of(error) is Fault.STORE:
                raise
            judged.failures += 1
            if at_once or judged.failures >= PATIENCE:
                self._halve(batch, error)
            batch.save()
            if judged.todo is None:
                raise
            loaded = self._load(batch.records, batch.name, judged, batch.save, len(batch.damaged))
        if judged.aside or batch.damaged:
            batch.put_aside([_unit(one) for one in _apart(batch.records)])
            reasons = dict(Counter(judged.aside.values()), damaged=len(batch.damaged))
            _log.error("collect.put_aside", batch=batch.name, folder=str(batch.folder / ASIDE), reasons=reasons)
        return loaded

    def _halve(self, batch: Batch, error: Exception) -> None:
        """Make two batches of one that could not even be judged; let one that was judged be loaded in parts.

        raises   the error when two were made: this one is none any more
        """
        judged, count = batch.judged, len(_apart(batch.records))
        if judged.outcomes is not None:
            judged.todo = [(0, count)]
        elif count > 1:
            batch.split(PATIENCE)
        elif count == 1 and fault_of(error) is not Fault.SHORT:
            self._must_work(batch.records)
            judged.outcomes, judged.aside, judged.todo = {}, {0: _reason(error)}, []
        else:
            return
        _log.warning("collect.batch_halved", batch=batch.name, why=log.without_values(str(error)))
        if batch.halves:
            raise error

    def load(self, records: Sequence[Record], name: str) -> Loaded:
        """Store these records as the batch of this name, and derive the visits they touch."""
        return self._load(records, name, Judged(at=clock.now_ms()), lambda: None)

    def _load(
        self, records: Sequence[Record], name: str, judged: Judged, save: Callable[[], None], damaged: int = 0
    ) -> Loaded:
        sites = {site.id: site for site in all_sites(self.database)}
        if judged.todo is None:
            batches = self._judge(records, name, sites, judged, save)
        ledger = _ledger(records, sites, judged, damaged)
        if not judged.is_told:
            # The ledger first: whoever finds events in the store finds them accounted for.
            store.add_ingestion(self.warehouse, ledger, name)
            judged.is_told = True
        if judged.todo is None:
            for batch in batches:
                batch.write()
        else:
            self._load_in_parts(records, name, sites, judged, save)
        counts = Counter[str]()
        for (_, _, outcome), count in ledger.items():
            counts[outcome if outcome in ("stored", "duplicate") else "refused"] += count
        late = sum(place in judged.late for place in judged.aside)
        return Loaded(counts["stored"] - late, counts["refused"], counts["duplicate"], len(judged.aside) + damaged)

    def _judge(
        self, records: Sequence[Record], name: str, sites: dict[int, Site], judged: Judged, save: Callable[[], None]
    ) -> list["_SiteBatch"]:
        """The batches of the sites; what becomes of each event is decided when they are made for the first time."""
        is_first = judged.outcomes is None
        outcomes = dict[int, str]() if judged.outcomes is None else judged.outcomes
        if is_first:
            _must_be_nameable(judged.at)
            judged.aside = dict(_misfits(records, judged.at))
            if judged.aside or self._doubts:
                self._must_know_the_time(name, records, judged.at)
            self.quota.forget()
        placed = _by_site(_placed(records), sites, judged.aside)
        batches = [
            _SiteBatch(self, sites[site], group, f"{name}-{site}", judged.aside, outcomes, is_first)
            for site, group in placed.items()
        ]
        if is_first:
            judged.outcomes = outcomes
            save()
            self.quota.keep()
        return batches

    def _must_know_the_time(self, name: str, records: Sequence[Record], now: int) -> None:
        """Hits that seem to come from a later day are put aside only if the clock was ahead then, and is right now.

        A spool keeps the order in which hits came: those behind the last of a later day tell of the clock as it is now.

        raises   ClockInDoubt when the ledger knows that later day too, and no browser's clock has told which is right
        """
        latest = now + DAY_MS
        last = max((nth for nth, record in enumerate(records) if record.received > latest), default=-1)
        if last >= 0 and name not in self._doubts:
            self._witnesses = Witnesses()
        self._witnesses.hear(one for one in records[last + 1 :] if abs(one.received - now) <= DAY_MS)
        newest = store.newest_ingestion(self.warehouse) if last >= 0 else None
        if newest is None or newest <= _day(latest):
            return
        then = Witnesses(record for record in records if record.received > latest)
        if not is_right_now(then, self._witnesses):
            self._doubts[name] = _day(now), newest
            raise ClockInDoubt(_day(now), newest)

    # ── a batch that fails on its data ──

    def _load_in_parts(
        self, records: Sequence[Record], name: str, sites: dict[int, Site], judged: Judged, save: Callable[[], None]
    ) -> None:
        """Load what is still to do in ever smaller parts; what fails alone on its data is put aside."""
        units, stuck, short = _apart(records), list[tuple[int, int]](), None
        assert judged.todo is not None and judged.outcomes is not None
        if judged.todo == [(0, len(units))]:
            self._take_back(units, sites, judged)
        while judged.todo:
            first, last = judged.todo[0]
            try:
                self._load_part(units[first:last], f"{name}-{first}-{last}", sites, judged)
                halves = []
            except Exception as error:
                halves, fault = _halves(first, last), fault_of(error)
                if fault is Fault.STORE:
                    raise
                self._take_back(units[first:last], sites, judged)
                if not halves and fault is Fault.SHORT:
                    stuck, short = [*stuck, (first, last)], error
                elif not halves:
                    self._must_work([units[first].record])
                    judged.aside[first] = _reason(error)
                    judged.late.add(first)
            judged.todo = [*halves, *judged.todo[1:]]
            save()
            self.went_on()
        if short is not None:
            judged.todo = stuck
            save()
            raise short
        self._tell_of_aside(units, name, sites, judged)

    def _load_part(self, units: Sequence[Placed], token: str, sites: dict[int, Site], judged: Judged) -> None:
        assert judged.outcomes is not None
        # TRAP: under a name that it has seen, the store would ignore facts that were taken back meanwhile.
        token = f"{token}-{time.time_ns()}"
        for site, group in _by_site(units, sites, judged.aside).items():
            _SiteBatch(self, sites[site], group, f"{token}-{site}", judged.aside, judged.outcomes, False).write()

    def _take_back(self, units: Sequence[Placed], sites: dict[int, Site], judged: Judged) -> None:
        """Take facts out of the store that came in before their part failed: they would fail whatever follows."""
        assert judged.outcomes is not None
        for site, group in _by_site(units, sites, judged.aside).items():
            keys = [(p.record.visitor, e.id) for p in group for place, e in p.events if place not in judged.outcomes]
            store.take_back(self.warehouse, sites[site], keys)

    def _must_work(self, records: Sequence[Record]) -> None:
        """Both stores take a write now, and read what visits of these sites are derived from, so it was the data.

        Raises what the store answers otherwise: a damaged file of it fails for everybody.
        """
        now = datetime.now(UTC)
        nobody = store.mark_stale(self.warehouse, {0: now})
        sites, failed = all_sites(self.database), {record.site for record in records}
        for site in (site for site in sites if site.id in failed):
            store.derive_visits(self.warehouse, site, nobody, {0: now}, [])

    def _tell_of_aside(self, units: Sequence[Placed], name: str, sites: dict[int, Site], judged: Judged) -> None:
        """Say in the ledger what was put aside after it had been counted as stored."""
        ledger: Ledger = Counter()
        for place in sorted(judged.late):
            if place not in (judged.outcomes or {}):
                record = units[place].record
                for outcome in ("quarantined", "unstored"):
                    ledger[(record.site if record.site in sites else 0, _day(record.received), outcome)] += 1
        store.add_ingestion(self.warehouse, ledger, f"{name}-aside")

    def note_rules(self, site: Site, origins: dict[int, Origin], agents: dict[int, str]) -> None:
        """Keep what the rules make of referrers and user agents that this loader has not seen before."""
        # What another process has erased may be among what this one remembers.
        if (erased := store.last_erasure(self.database)) != self._erased:
            self._erased = erased
            self._known_origins.clear()
            self._known_agents.clear()
        fresh_origins = {k: o for k, o in origins.items() if (site.id, k) not in self._known_origins}
        fresh_agents = {k: a for k, a in agents.items() if k not in self._known_agents}
        store.add_origins(self.warehouse, site, fresh_origins, self.rules)
        store.add_agents(self.warehouse, fresh_agents)
        if len(self._known_origins) + len(self._known_agents) > MOST_KEPT:  # what is told twice changes nothing
            self._known_origins.clear()
            self._known_agents.clear()
        self._known_origins.update((site.id, k) for k in fresh_origins)
        self._known_agents.update(fresh_agents)


class _SiteBatch:
    """One site's share of a batch: read when made, written by `write`.

    outcomes   position -> what becomes of an event that is not stored; filled here when the batch `is_first` looked at
    aside      position -> why an event cannot be loaded
    """

    def __init__(
        self,
        loader: Loader,
        site: Site,
        placed: list[Placed],
        token: str,
        aside: dict[int, str],
        outcomes: dict[int, str],
        is_first: bool,
    ) -> None:
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
        known, twins = self._known(rows)
        if earlier := {v: at for v, at in twins.items() if at < self.first_at.get(v, at)}:
            # A server's word takes the browser's place, which may lie days back: its visit is derived anew too.
            self.first_at |= earlier
            self.near = store.mark_stale(loader.warehouse, self.first_at)
        if is_first:
            outcomes.update(_duplicates(rows, known))
        self.rows = [
            row for place, row in rows if place not in outcomes and (is_first or (row[2], row[1]) not in known)
        ]
        self.told = [one for place, one in self.identified if outcomes.get(place) != "too_much"]

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
                    aside[place] = _reason(error)

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
            on = _date(day)
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
        if self.told:
            self.loader.identified(self.site, self.told)
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
            event.path,
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
            min(event.at // DAY_MS + self.site.keep_days, LAST_DAY),
            event.former,
        )

    def _keep_visits_whole(self, placed: list[Placed]) -> None:
        """Give a visitor whose id changed in mid-visit (new salt at midnight, consent given) the id the visit has."""
        changed = [p for p in placed if p.record.before]
        if not changed:
            return
        kept = self.loader.kept_ids
        asked = {who for r in (p.record for p in changed) for who in (r.before, r.visitor, kept.get(r.visitor, 0))}
        oldest = min(e.at for p in changed for _, e in p.events)
        spans = store.active_spans(self.loader.warehouse, self.site, sorted(asked), oldest)
        for one in sorted(placed, key=lambda p: (p.events[0][1].at, p.record.before)):
            record, events = one.record, one.events
            first, last = (clock.from_ms(pick(e.at for _, e in events)) for pick in (min, max))
            old = self._id_of_visit(record, first, spans) if record.before else 0
            if old:
                if len(kept) > MOST_KEPT:
                    kept.clear()
                kept[record.visitor] = old
                record.visitor = old
            if record.visitor in asked:
                spans.setdefault(record.visitor, []).append((first, last))

    def _id_of_visit(self, record: Record, at: datetime, spans: dict[int, list[store.Span]]) -> int:
        """The old id under which this visit goes on, or 0.

        An id that was kept a moment ago is kept though address or agent have changed since. Whoever has visits under
        the new id already goes on with it: the old one is a neighbour's.
        """
        kept = self.loader.kept_ids.get(record.visitor, 0)
        if kept and _is_on(spans, kept, at) and not _is_on(spans, record.visitor, at):
            return kept
        is_new = _is_on(spans, record.before, at) and not _is_on(spans, record.visitor, at)
        return record.before if is_new else 0


def _is_on(spans: dict[int, list[store.Span]], visitor: int, at: datetime) -> bool:
    """Whether a visit of this visitor goes on at this moment."""
    return any(first <= at <= last + HALF_HOUR for first, last in spans.get(visitor, ()))


def _reason(error: Exception) -> str:
    """Why an event cannot be loaded, for log and files: without what the visitor wrote."""
    return f"{type(error).__name__}: {log.without_values(str(error))}"[:200]


def _origin(query: str, referrer: str) -> tuple[Origin, int, int]:
    """The origin with its keys. Long texts are a stranger's, or unlike all others: they are not worth remembering."""
    return (_short_origin if len(query) + len(referrer) <= SHORT else _any_origin)(query, referrer)


@lru_cache(maxsize=32_768)
def _short_origin(query: str, referrer: str) -> tuple[Origin, int, int]:
    return _any_origin(query, referrer)


def _any_origin(query: str, referrer: str) -> tuple[Origin, int, int]:
    origin = origin_of(query, referrer)
    return origin, origin_id(origin), tag_key(origin)


def _placed(records: Sequence[Record]) -> list[Placed]:
    """The records that hold events, with the positions these have in the batch."""
    placeds, place = [], 0
    for record in records:
        if events := record.events:
            here = [(place, events[0])] if len(events) == 1 else list(enumerate(events, place))
            placeds.append(Placed(record, here))
            place += len(events)
    return placeds


def _apart(records: Sequence[Record]) -> list[Placed]:
    """Every event by itself; its index is its position in the batch."""
    return [Placed(msgspec.structs.replace(p.record, refused={}), [one]) for p in _placed(records) for one in p.events]


def _unit(placed: Placed) -> Record:
    """One event in a record of its own, as it could come from a segment."""
    return msgspec.structs.replace(placed.record, events=[event for _, event in placed.events], refused={})


def _halves(first: int, last: int) -> list[tuple[int, int]]:
    middle = (first + last) // 2
    return [(first, middle), (middle, last)] if last - first > 1 else []


def _by_site(placed: Sequence[Placed], sites: dict[int, Site], aside: dict[int, str]) -> dict[int, list[Placed]]:
    """What can be loaded, by site; events of sites taken away meanwhile are left out."""
    groups: dict[int, list[Placed]] = {}
    for one in placed:
        if aside:
            one = Placed(one.record, [event for event in one.events if event[0] not in aside])
        if one.events and one.record.site in sites:
            groups.setdefault(one.record.site, []).append(one)
    return groups


def _must_be_nameable(now: int) -> None:
    """The store has a name for today; hits that are judged by a wrong clock would be put aside for nothing.

    raises   UserError when it has none
    """
    if now + DAY_MS >= LATEST_MS:
        raise UserError(
            "The clock of this machine shows %(today)s.", "Set the clock right; what was received waits until then.",
            status=503, today=_day(now),
        )  # fmt: skip


def _misfits(records: Sequence[Record], now: int) -> Iterator[tuple[int, str]]:
    """Events of a day that has not come, or of long ago: dated by a clock that was wrong."""
    place, latest = 0, now + DAY_MS
    for record in records:
        is_wrong = not EARLIEST_MS <= record.received <= latest
        for event in record.events:
            if is_wrong or not EARLIEST_MS <= event.at <= latest:
                yield place, "clock"
            place += 1


def _duplicates(
    rows: list[tuple[int, tuple[Any, ...]]], known: frozenset[tuple[int, int]]
) -> Iterator[tuple[int, str]]:
    """Events that the store has, or that came before in the same batch.

    known   (visitor, id); (ANYBODY, id) where a browser sent the event again, perhaps under another visitor id, and
            (SERVER, id) of events that a server sent. What a browser sends is never taken for a server's.
    """
    keys = {(row[2], row[1]) for _, row in rows}
    if len(keys) == len(rows) and keys.isdisjoint(known) and not any(row[_MARKS] for _, row in rows):
        return  # as nearly always
    seen = set(known)
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


def _ledger(records: Sequence[Record], sites: dict[int, Site], judged: Judged, damaged: int) -> Ledger:
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
        if is_plain or record.site not in sites:  # taken away between reception and loading
            key = (record.site, on, "stored") if record.site in sites else (0, on, "unknown_site")
            counts[key] = counts.get(key, 0) + events
        else:
            for here in range(place, place + events):
                key = (record.site, on, _outcome(here, judged))
                counts[key] = counts.get(key, 0) + 1
        place += events
    if damaged:
        counts[0, today, "damaged"] = damaged
    return Counter({(site, _date(day), outcome): count for (site, day, outcome), count in counts.items() if count})


def _outcome(place: int, judged: Judged) -> str:
    if place in judged.aside and place not in judged.late:
        return "wrong_clock" if judged.aside[place] == "clock" else "quarantined"
    return (judged.outcomes or {}).get(place, "stored")


def _size(row: tuple[Any, ...]) -> int:
    """About how many bytes an event takes."""
    size = 150 + sum(_bytes_of(row[place]) for place in _TEXTS)
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


@lru_cache(maxsize=4096)
def _date(day: int) -> date:
    return _EPOCH + timedelta(days=day)


def _day(ms: int) -> date:
    return _date(ms // DAY_MS)


def _ms(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)


def spool_folders(root: Path) -> Iterator[Path]:
    """The spools of all collectors on this machine."""
    yield from (p for p in sorted(root.glob("*")) if p.is_dir())


class Loaders(dict[str, Loader]):
    """The loaders of this process, by the name of their spool."""
