"""The loader: sealed segments of the spool become facts and visits, each exactly once.

What is loaded together is written down first (a batch file with the names of its segments), and so is what was judged
about it: that is on disk before anything is done by it, so that after a crash the same batch is made again, and goes
on.

Two things keep an event from being stored twice. What the store has is known by its ids and left out at every later
try: that holds for whoever was killed or cut off between an insert and its note, and for what is judged anew. An
insert whose answer was lost, and which the store still works at, is not seen yet: the repetition has the same key, so
the store ignores it. A key belongs to one judgement, or to one try of a part: facts that were taken back come in
under a new one.

A batch that fails on its data is tried `PATIENCE` times, then loaded in halves until what fails stands alone (one
that cannot even be judged is made into two batches). That is put aside (`batches.py`), and the rest goes on. A store
that does not work, or lacks memory or time, is no fault of the data (`warehouse.fault_of`): then everything waits,
and nothing is put aside.
"""

import gc
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from tandem.accounts.model import Site
from tandem.accounts.store import all_sites
from tandem.base import clock, log
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.warehouse import Fault, Warehouse, fault_of
from tandem.collect import store
from tandem.collect.batches import Batch, Judged, begun, finish, next_batch
from tandem.collect.ledger import Ledger, change_since, ledger_of
from tandem.collect.manifests import ASIDE
from tandem.collect.model.hit import DAY_MS, EARLIEST_MS, LATEST_MS, Record, date_of_ms
from tandem.collect.model.origins import Origin
from tandem.collect.model.placed import Placed, all_placed, apart, by_site, unit_of
from tandem.collect.model.quota import Quota
from tandem.collect.model.rules import Rules, load_rules
from tandem.collect.model.witnesses import Witnesses, is_right_now
from tandem.collect.site_batch import Identified, SiteBatch, reason_of

MOST_KEPT = 100_000
PATIENCE = 3
"""How often a batch is tried as a whole before it is halved."""
_log = log.get("collect")


class ClockInDoubt(UserError):
    """Hits seem to come from a later day: the machine's clock is behind, or it was ahead when they were received."""

    def __init__(self, today: date, newest: date) -> None:
        super().__init__(
            "This server's clock is behind: it shows %(today)s, but events were received on %(newest)s.",
            "Set the clock right. The events of that day are loaded then. If the clock is right, it was ahead when "
            "they were received: open a page of the site in a browser. They are set aside once that page view is "
            "loaded.",
            status=503, today=today, newest=newest,
        )  # fmt: skip


class Loaded(NamedTuple):
    """What one batch brought."""

    stored: int
    refused: int
    duplicates: int
    aside: int


class Loader:
    """Loads one spool folder into the event store. One thread at a time."""

    def __init__(
        self,
        warehouse: Warehouse,
        database: Database,
        folder: Path,
        rules: Rules | None = None,
        identified: Callable[[Site, Sequence[Identified]], None] = lambda site, identifieds: None,
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
        self._forget_all_but({manifest.stem for manifest in waiting})
        while manifest := waiting.pop(0) if waiting else next_batch(self.folder, [*failed]) or self._cleared(failed):
            if time.monotonic() < self._waits.get(manifest.stem, (0, 0.0))[1] and not at_once:
                failed[manifest] = None
                continue
            try:
                stored, segments, halves = self._load_or_split(manifest, at_once)
            except Exception as error:
                _let_go(error)
                if fault_of(error) is Fault.STORE and not isinstance(error, ClockInDoubt):
                    raise
                failed[manifest] = _bare(error)
                self._wait(manifest.stem)
            else:
                total, waiting[:0] = total + stored, halves
                self._waits.pop(manifest.stem, None)
                self._doubts.pop(manifest.stem, None)
                if not halves:
                    finish(manifest, segments)
                    self.went_on()
        if first := next((error for error in failed.values() if error is not None), None):
            raise first
        return total

    def _load_or_split(self, manifest: Path, at_once: bool) -> tuple[int, list[Path], list[Path]]:
        """Load one batch; only this call holds it.

        returns   how much was stored, of which segments, and the two batches that were made of it, if any
        """
        batch: Batch | None = None
        try:
            with _unwatched():
                batch = Batch(manifest, clock.now_ms())
                stored = self._load_batch(batch, at_once).stored
        except Exception as error:
            if batch is None or not batch.halves:
                raise
            _bare(error)
            return 0, [], batch.halves
        return stored, batch.segments, []

    def _forget_all_but(self, names: set[str]) -> None:
        """A batch that was split, or taken away by hand, waits for nothing any more."""
        self._waits = {name: wait for name, wait in self._waits.items() if name in names}
        self._doubts = {name: doubt for name, doubt in self._doubts.items() if name in names}

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
        loaded = self._load_whole_or_halved(batch, at_once)
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
            batch.save()  # before anything is taken back: it must never be loaded as a whole under its key again
            if judged.todo is None:
                raise
            _bare(error)
            loaded = self._load(batch.records, batch.name, judged, batch.save, len(batch.damaged))
        if judged.anew:
            self._tell_of_change(batch)
        if judged.aside or batch.damaged:
            batch.put_aside([unit_of(one) for one in apart(batch.records)])
            reasons = dict(Counter(judged.aside.values()), damaged=len(batch.damaged))
            _log.error("collect.put_aside", batch=batch.name, folder=str(batch.folder / ASIDE), reasons=reasons)
        return loaded

    def _halve(self, batch: Batch, error: Exception) -> None:
        """Make two batches of one that could not even be judged; let one that was judged be loaded in parts.

        raises   the error when two were made: this one is none any more
        """
        judged, count = batch.judged, len(apart(batch.records))
        if judged.outcomes is not None:
            judged.todo = [(0, count)]
        elif count > 1:
            batch.split(PATIENCE)
        elif count == 1 and fault_of(error) is not Fault.SHORT:
            self._must_work(batch.records)
            judged.outcomes, judged.aside, judged.todo = {}, {0: reason_of(error)}, []
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
        ledger = ledger_of(records, sites, judged, damaged)
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
    ) -> list["SiteBatch"]:
        """The batches of the sites; what becomes of each event is decided when they are made for the first time."""
        is_first = judged.outcomes is None
        outcomes = dict[int, str]() if judged.outcomes is None else judged.outcomes
        if is_first:
            _must_be_nameable(judged.at)
            judged.aside = dict(_misfits(records, judged.at))
            if judged.aside or self._doubts:
                self._must_know_the_time(name, records, judged.at)
            self.quota.forget()
        placed = by_site(all_placed(records), sites, judged.aside)
        # TRAP: under a key that it has seen, the store would ignore facts that were not among those of then, or were
        # taken back since; see test_power_cut.
        batches = [
            SiteBatch(
                self, sites[site], group, f"{name}-{judged.key}-{site}", judged.aside, outcomes, is_first, judged.handed
            )
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
        if newest is None or newest <= date_of_ms(latest):
            return
        then = Witnesses(record for record in records if record.received > latest)
        if not is_right_now(then, self._witnesses):
            self._doubts[name] = date_of_ms(now), newest
            raise ClockInDoubt(date_of_ms(now), newest)

    # ── a batch that fails on its data ──

    def _load_in_parts(
        self, records: Sequence[Record], name: str, sites: dict[int, Site], judged: Judged, save: Callable[[], None]
    ) -> None:
        """Load what is still to do in ever smaller parts; what fails alone on its data is put aside."""
        units, stuck, short = apart(records), list[tuple[int, int]](), None
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
                    judged.aside[first] = reason_of(error)
                    judged.late.add(first)
                _bare(error)
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
        for site, group in by_site(units, sites, judged.aside).items():
            SiteBatch(
                self, sites[site], group, f"{token}-{site}", judged.aside, judged.outcomes, False, judged.handed
            ).write()

    def _take_back(self, units: Sequence[Placed], sites: dict[int, Site], judged: Judged) -> None:
        """Take facts out of the store that came in before their part failed: they would fail whatever follows."""
        assert judged.outcomes is not None
        for site, group in by_site(units, sites, judged.aside).items():
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
                    ledger[(record.site if record.site in sites else 0, date_of_ms(record.received), outcome)] += 1
        store.add_ingestion(self.warehouse, ledger, f"{name}-aside")

    def _tell_of_change(self, batch: Batch) -> None:
        """Correct the ledger, which was told of this batch when its segments gave more, or less, than they do now."""
        judged, name = batch.judged, batch.name
        sites = {site.id: site for site in all_sites(self.database)}
        recorded = store.ingestion_of(self.warehouse, name)
        change = change_since(recorded, ledger_of(batch.records, sites, judged, len(batch.damaged)))
        for site, on, outcome in [key for key in change if key[2] != "damaged"]:
            # What the first try had stored is there, though it cannot be read again.
            days = store.ingestion_days(self.warehouse, site, on, sites[site].keep_days) if site in sites else []
            over = sum(day.balance for day in days if day.on == on) * (1 if outcome == "unstored" else -1)
            change[site, on, outcome] = min(change[site, on, outcome], over)
        store.add_ingestion(self.warehouse, +change, f"{name}-anew-{judged.key}")

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


def _halves(first: int, last: int) -> list[tuple[int, int]]:
    middle = (first + last) // 2
    return [(first, middle), (middle, last)] if last - first > 1 else []


def _let_go(error: BaseException | None) -> None:
    """Take from the frames that an error went through what they hold: the batch with all its records."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _bare(error: Exception) -> Exception:
    """An error that is kept, or no more raised, without its frames: whoever made it may have left a circle there."""
    _let_go(error)
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


@contextmanager
def _unwatched() -> Iterator[None]:
    """Without the garbage collector: a batch is a hundred thousand objects without a cycle, a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _must_be_nameable(now: int) -> None:
    """The store has a name for today; hits that are judged by a wrong clock would be put aside for nothing.

    raises   UserError when it has none
    """
    if now + DAY_MS >= LATEST_MS:
        raise UserError(
            "This server's clock shows %(today)s.", "Set the clock right. Received data is kept until then.",
            status=503, today=date_of_ms(now),
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


def _ms(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)


def spool_folders(root: Path) -> Iterator[Path]:
    """The spools of all collectors on this machine."""
    yield from (p for p in sorted(root.glob("*")) if p.is_dir())


class Loaders(dict[str, Loader]):
    """The loaders of this process, by the name of their spool."""
