"""The loader: sealed segments of the spool become facts and visits, each exactly once.

What is loaded together is written down first (a batch file with the names of its segments), so that after a crash the
same batch is made again under the same name: the store ignores blocks it already has, and deriving visits twice gives
the same visits.
"""

import gc
import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tandem.accounts.model import Site
from tandem.accounts.store import all_sites
from tandem.base import clock, log
from tandem.base.database import Database
from tandem.base.spool import records_in, sealed
from tandem.base.warehouse import Warehouse
from tandem.collect import store
from tandem.collect.model.agents import agent_id
from tandem.collect.model.hit import Record, SpoolEvent
from tandem.collect.model.origins import Origin, origin_id, origin_of, tag_key
from tandem.collect.model.rules import Rules, load_rules

MOST_KEPT = 100_000
SHORT = 400
BATCH_BYTES = 24 << 20
HALF_HOUR = timedelta(minutes=30)
read_record = msgspec.json.Decoder(Record).decode
_log = log.get("collect")
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

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


class Identified(NamedTuple):
    """What a site told of a browser: sealed values, as the door left them."""

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
    visitors: int


class Loader:
    """Loads one spool folder into the event store. One thread at a time."""

    def __init__(
        self,
        warehouse: Warehouse,
        database: Database,
        folder: Path,
        rules: Rules | None = None,
        identified: Callable[[Site, Sequence["Identified"]], None] = lambda site, told: None,
    ) -> None:
        self.warehouse, self.database, self.folder, self.identified = warehouse, database, folder, identified
        self.rules = rules or load_rules()
        self._known_origins: set[tuple[int, int]] = set()
        self._known_agents: set[int] = set()
        self.kept_ids: dict[int, int] = {}

    def load_all(self) -> int:
        """Load every sealed segment; returns the number of events stored."""
        total = 0
        for manifest in sorted(self.folder.glob("*.batch")):
            total += self._load_batch(manifest).stored
        while segments := _next_batch(self.folder):
            total += self._load_batch(_written_down(self.folder, segments)).stored
        return total

    def _load_batch(self, manifest: Path) -> Loaded:
        began, name = time.perf_counter(), manifest.stem
        gc.disable()  # a batch is a hundred thousand objects without a cycle; looking through them costs a third
        try:
            return self._load_segments(manifest, name, began)
        finally:
            gc.enable()

    def _load_segments(self, manifest: Path, name: str, began: float) -> Loaded:
        segments = [self.folder / line for line in manifest.read_text().splitlines()]
        records = [read_record(payload) for path in segments if path.exists() for payload in records_in(path)]
        loaded = self.load(records, name)
        for path in segments:
            path.unlink(missing_ok=True)
        manifest.unlink()
        _log.info("collect.batch_loaded", batch=name, segments=len(segments), took_ms=_ms(began), **loaded._asdict())
        return loaded

    def load(self, records: Sequence[Record], name: str) -> Loaded:
        """Store these records as the batch of this name, and derive the visits they touch."""
        sites = {site.id: site for site in all_sites(self.database)}
        ledger: Counter[tuple[int, date, str]] = Counter()
        batches = []
        for site_id, group in _by_site(records, ledger).items():
            if (site := sites.get(site_id)) is None:  # taken away between reception and loading
                for record in group:
                    ledger[(0, _day(record.received), "unknown_site")] += len(record.events)
            else:
                batches.append(_SiteBatch(self, site, group, f"{name}-{site_id}", ledger))
        # The ledger first: made again after a crash, this batch would take its own events for duplicates.
        store.add_reception(self.warehouse, ledger, name)
        for batch in batches:
            batch.write()
        counts = Counter[str]()
        for (_, _, outcome), count in ledger.items():
            counts[outcome if outcome in ("stored", "duplicate") else "refused"] += count
        return Loaded(
            counts["stored"], counts["refused"], counts["duplicate"], sum(len(batch.first_at) for batch in batches)
        )

    def note_rules(self, site: Site, origins: dict[int, Origin], agents: dict[int, str]) -> None:
        """Keep what the rules make of referrers and user agents that this loader has not seen before."""
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
    """One site's share of a batch: read when made, written by `write`."""

    def __init__(
        self, loader: Loader, site: Site, records: list[Record], token: str, ledger: Counter[tuple[int, date, str]]
    ) -> None:
        self.loader, self.site, self.token = loader, site, token
        self.first_at: dict[int, datetime] = {}
        self.identified: list[Identified] = []
        self.origins: dict[int, Origin] = {}
        self.agents: dict[int, str] = {}
        self._keep_visits_whole(records)
        rows = [
            self._row(record, event, agent) for record, agent in self._with_agents(records) for event in record.events
        ]
        for row in rows:
            self._touch(row[2], row[3])
        self.near = store.mark_stale(loader.warehouse, self.first_at)
        self.rows = list(self._only_new(rows, ledger))

    def _with_agents(self, records: list[Record]) -> Iterator[tuple[Record, int]]:
        for record in records:
            agent = agent_id(record.agent)
            self.agents[agent] = record.agent
            yield record, agent

    def _only_new(
        self, rows: list[tuple[Any, ...]], ledger: Counter[tuple[int, date, str]]
    ) -> Iterator[tuple[Any, ...]]:
        moments = [row[3] for row in rows]
        resent = [row[1] for row in rows if row[_MARKS]]
        span = (min(moments), max(moments))
        known = set(store.stored_already(self.loader.warehouse, self.site, self.near, span, resent))
        for row in rows:
            key = (row[2], row[1])
            is_known = key in known or (row[_MARKS] and (0, row[1]) in known)
            ledger[(self.site.id, row[4].date(), "duplicate" if is_known else "stored")] += 1
            known |= {key, (0, row[1])}
            if not is_known:
                yield row

    def write(self) -> None:
        """Store the facts and derive the visits; done twice it changes nothing."""
        warehouse = self.loader.warehouse
        self.loader.note_rules(self.site, self.origins, self.agents)
        if self.rows:
            columns = zip(FACT_COLUMNS, map(list, zip(*self.rows, strict=True)), strict=True)
            store.add_events(warehouse, dict(columns), self.token)
        if self.identified:
            self.loader.identified(self.site, self.identified)
        goals = store.goals_of(self.loader.database, self.site)
        store.derive_visits(warehouse, self.site, self.near, self.first_at, goals)

    def _touch(self, visitor: int, at: datetime) -> None:
        known = self.first_at.get(visitor)
        if known is None or at < known:
            self.first_at[visitor] = at

    def _row(self, record: Record, event: SpoolEvent, agent: int) -> tuple[Any, ...]:
        origin_key = campaign = 0
        props = event.props
        if event.kind == "identify":  # who they are stays out of the events
            told = Identified(record.visitor, event.at, event.id, props.get("sealed", ""), record.country)
            self.identified.append(told)
            props = {}
        if event.kind == "pageview" and (event.query or event.referrer):
            origin, origin_key, campaign = _origin(event.query, event.referrer)
            if origin_key:
                self.origins[origin_key] = origin
        at = clock.from_ms(event.at)
        return (
            self.site.id,
            event.id,
            record.visitor,
            at,
            clock.from_ms(record.received),
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
            datetime.fromtimestamp(record.born, UTC) if record.born else _NEVER,
            event.engaged_ms,
            event.scroll,
            event.value,
            Decimal(event.amount or 0),
            event.currency,
            props,
            event.status,
            event.marks,
            at.date() + timedelta(days=self.site.keep_days),
        )

    def _keep_visits_whole(self, records: list[Record]) -> None:
        """Give a visitor whose id changed in mid-visit (new salt at midnight, consent given) the id the visit has."""
        changed = [r for r in records if r.before]
        if not changed:
            return
        kept = self.loader.kept_ids
        asked = {visitor for r in changed for visitor in (r.before, r.visitor, kept.get(r.visitor, 0))}
        oldest = min(e.at for r in changed for e in r.events)
        spans = store.active_spans(self.loader.warehouse, self.site, sorted(asked), oldest)
        for record in sorted(records, key=lambda r: (r.events[0].at, r.before)):
            first, last = (clock.from_ms(pick(e.at for e in record.events)) for pick in (min, max))
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


def _origin(query: str, referrer: str) -> tuple[Origin, int, int]:
    """The origin with its keys. Long texts are a stranger's, or unlike all others: they are not worth remembering."""
    return (_short_origin if len(query) + len(referrer) <= SHORT else _any_origin)(query, referrer)


@lru_cache(maxsize=32_768)
def _short_origin(query: str, referrer: str) -> tuple[Origin, int, int]:
    return _any_origin(query, referrer)


def _any_origin(query: str, referrer: str) -> tuple[Origin, int, int]:
    origin = origin_of(query, referrer)
    return origin, origin_id(origin), tag_key(origin)


def _by_site(records: Iterable[Record], ledger: Counter[tuple[int, date, str]]) -> dict[int, list[Record]]:
    groups: dict[int, list[Record]] = {}
    for record in records:
        for why, count in record.refused.items():
            ledger[(record.site, _day(record.received), why)] += count
        if record.events:
            groups.setdefault(record.site, []).append(record)
    return groups


def _next_batch(folder: Path) -> list[Path]:
    chosen, size = [], 0
    for path in sealed(folder):
        chosen.append(path)
        size += path.stat().st_size
        if size >= BATCH_BYTES:
            break
    return chosen


def _written_down(folder: Path, segments: list[Path]) -> Path:
    names = "\n".join(path.name for path in segments)
    name = hashlib.sha256(f"{folder}\n{names}".encode()).hexdigest()[:32]
    draft = folder / f"{segments[0].stem}-{name}.draft"
    with draft.open("w") as file:
        file.write(names)
        file.flush()
        os.fsync(file.fileno())
    return draft.rename(draft.with_suffix(".batch"))


def _day(ms: int) -> date:
    return clock.from_ms(ms).date()


def _ms(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)


def spool_folders(root: Path) -> Iterator[Path]:
    """The spools of all collectors on this machine."""
    yield from (p for p in sorted(root.glob("*")) if p.is_dir())
