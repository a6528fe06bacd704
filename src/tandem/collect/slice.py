"""What this slice adds to the product: taking hits, the loader, its tables and its pages."""

import time
from collections.abc import Callable
from pathlib import Path

from tandem.base import clock, log
from tandem.base.errors import UserError
from tandem.base.jobs import LONGEST_WAIT_S, Job
from tandem.base.spool import Spool
from tandem.base.warehouse import Fault, fault_of
from tandem.collect import start, store
from tandem.collect.health import Loading
from tandem.collect.identify import keep
from tandem.collect.ingest import Ingest, Salts
from tandem.collect.loader import ClockInDoubt, Loader, Loaders, spool_folders
from tandem.collect.model.agents import agent_of
from tandem.collect.rebuild import rebuild_sites, rebuild_where_needed, recounted
from tandem.collect.routes import ROUTES, visitor_names
from tandem.collect.sources.places import PlaceFinder
from tandem.collect.timeline import timeline
from tandem.core.context import Context
from tandem.core.slice import NumberAsked, NumberLent, Slice
from tandem.people.signing import FreshSecrets

_log = log.get("collect")

LOAD_EVERY_S = 0.4
MANY, RESTS, LONGEST_REST_S = 250, 4.0, 2.0
"""After so many events, loading rests for so many times what it took, and no longer: a batch costs a quarter second of
work whatever it holds, so under load few large ones leave more of the machine to those who send."""
REBUILD_EVERY_S = 5.0
SALTS_EVERY_S = 600.0
SALTS_FRESH_MS = 5_000


class FreshSalts:
    """Today's salts, read from the store again every few seconds."""

    def __init__(self, ctx: Context) -> None:
        self._ctx, self._read_at = ctx, 0
        self._salts: Salts | None = None

    def __call__(self) -> Salts:
        now = clock.now_ms()
        # A clock that was set back makes what was read seem to come from the future: that is read again too.
        if self._salts is None or not 0 <= now - self._read_at <= SALTS_FRESH_MS:
            self._salts, self._read_at = store.salts_of_today(self._ctx.database), now
        return self._salts


def open_ingest(ctx: Context, spool_name: str) -> tuple[Ingest, Spool]:
    """What takes hits, with its own spool folder."""
    chosen = ctx.config
    folder = chosen.folder / "spool" / spool_name
    spool = Spool(folder, chosen.spool_mb << 20)
    places = PlaceFinder(*(Path(p) if p else None for p in (chosen.country_mmdb, chosen.city_mmdb, chosen.asn_mmdb)))

    def lend(asked: NumberAsked) -> NumberLent | None:
        return ctx.offers.lend_number(asked)  # the slice that can may start after this one

    ingest = Ingest(
        spool, ctx.sites, FreshSalts(ctx), places.find, ctx.vault.seal, lend,
        FreshSecrets(ctx), chosen.sender_mb,
    )  # fmt: skip
    return ingest, spool


def _start(ctx: Context) -> Callable[[], None]:
    ingest, spool = open_ingest(ctx, ctx.config.collector)
    agent_of("")  # loads the rules of user agents now rather than at the first hit
    ctx.offers.goal_names = lambda site: {str(g.id): g.name for g in store.goals_of(ctx.database, site)}
    ctx.offers.recounted = lambda site: recounted(ctx, site)
    ctx.offers.expiring = lambda site, days: store.expiring(ctx.warehouse, site, days)
    ctx.offers.is_kept_for = lambda site, days: store.is_kept_for(ctx.warehouse, site, days)
    ctx.offers.keep_for = lambda site, days: store.keep_for(ctx.warehouse, site, days)
    ctx.offers.keeping_anew = lambda: store.keeping_anew(ctx.warehouse)
    ctx.keep(ingest)
    visitor_names(ctx)
    ctx.keep(Loading(went_on=time.monotonic(), since=time.monotonic()))

    def stop() -> None:
        spool.close()
        load_spools(ctx)

    return stop


def load_spools(ctx: Context, at_once: bool = False) -> int:
    """Load what the collectors of this machine have sealed; returns the number of events.

    at_once   put aside what cannot be loaded without trying it again first
    """
    loading, loaders = ctx.state(Loading), ctx.state(Loaders)
    total, first = 0, None
    with ctx.loading, ctx.database.beside_others():
        for folder in spool_folders(ctx.config.folder / "spool"):
            loader = loaders.setdefault(
                folder.name,
                Loader(
                    ctx.warehouse,
                    ctx.database,
                    folder,
                    identified=lambda site, identifieds: keep(ctx, site, identifieds),
                ),
            )
            loader.went_on = loading.goes_on
            loader.wait_s = lambda failures: min(LONGEST_WAIT_S, LOAD_EVERY_S * 2.0**failures)
            try:
                total += loader.load_all(at_once)
            except Exception as error:  # noqa: BLE001 - one collector's spool does not hold up the others'
                first = first or error
    if first is not None or not any(loader.is_stuck for loader in loaders.values()):
        loading.problem = "" if first is None else _problem(first)
    if first is not None:
        raise first
    return total


class _Pace:
    """Until when loading rests, in seconds of the monotonic clock."""

    def __init__(self) -> None:
        self.rests_until = 0.0


def load_at_pace(ctx: Context) -> None:
    """Load what the collectors of this machine have sealed, unless much was loaded a moment ago."""
    pace, began = ctx.state(_Pace), time.monotonic()
    if began < pace.rests_until:
        return
    if load_spools(ctx) >= MANY:
        ended = time.monotonic()
        pace.rests_until = ended + min(LONGEST_REST_S, RESTS * (ended - began))


def _problem(error: Exception) -> str:
    """What keeps hits from being loaded, for people."""
    return error.what if isinstance(error, UserError) else fault_of(error).value


def _load(ctx: Context) -> None:
    """The job: it fails, and then waits, only where everything must wait. A batch that fails waits by itself."""
    try:
        load_at_pace(ctx)
    except Exception as error:
        if fault_of(error) is Fault.STORE and not isinstance(error, ClockInDoubt):
            raise
        _log.warning("collect.batch_waits", why=log.without_values(str(error)))


def _jobs(ctx: Context) -> list[Job]:
    return [
        Job("load", LOAD_EVERY_S, lambda: _load(ctx)),
        Job("rebuild", REBUILD_EVERY_S, lambda: rebuild_where_needed(ctx)),
        Job("salts", SALTS_EVERY_S, lambda: store.salts_of_today(ctx.database)),
    ]


SLICE = Slice(
    name="collect",
    title="Traffic",
    routes=[*ROUTES, *start.ROUTES],
    first_steps=start.steps,
    fixes=lambda ctx, site, field: store.fixes(ctx.warehouse, site, field),
    schema=store.schema,
    jobs=_jobs,
    operations={"rebuild": rebuild_sites},
    start=_start,
    timeline=timeline,
    owns=("events", "visit_rows", "origins", "agents", "reception", "stale_visits"),
    personal=(("events", "visitor"), ("visit_rows", "visitor")),
    publishes=("visits", "sales", "pageviews", "attention", "actions", "conversions", "vitals"),
)
