"""Reading reports into the store, and timed work: rates, half-done imports, and what was never confirmed."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path

from tandem.accounts.model import Site
from tandem.ads import store
from tandem.ads.model import AdDay
from tandem.ads.sources import google, meta, microsoft, tiktok, vk, yandex
from tandem.ads.sources.api import AdAccount, AdApi
from tandem.ads.sources.report import AdHints, AdReport
from tandem.base import clock, log, progress
from tandem.base.errors import UserError
from tandem.base.http import Http
from tandem.base.jobs import rest
from tandem.connections.model import Connection, Polled, System
from tandem.core.context import Context
from tandem.imports.problem import from_fault
from tandem.imports.stretch import next_stretch
from tandem.imports.tables import is_spreadsheet
from tandem.imports.text import line_count
from tandem.imports.uploads import digest_of

_log = log.get("ads")
ProgressReporter = Callable[[int], None]


def read_file(
    ctx: Context,
    site: Site,
    path: Path,
    name: str,
    hints: AdHints,
    by: int | None = None,
    tell: ProgressReporter = lambda rows: None,
) -> store.AdImport:
    """A report read and staged; or refused as a whole, with its problems. The same file again is found again.

    name   what the person calls the file
    tell   is told how many rows have been read
    """
    began = time.perf_counter()
    digest = digest_of(path, site.id, hints.system, hints.currency, hints.account, hints.order)
    lines = 0 if is_spreadsheet(path) else line_count(path)  # a workbook is packed
    if (import_ := store.counting_already(ctx.database, site, digest)) is not None:
        return import_
    report = AdReport(path, hints, clock.now().astimezone(site.tz).date())
    with store.reading(ctx.database):
        read = _staged(ctx, site, report, name, digest, by, lines, tell)
    took_ms = round((time.perf_counter() - began) * 1000)
    if read.state == "refused":
        _log.info("ads.report_refused", system=read.system, problems=len(read.problems), took_ms=took_ms)
    else:
        _log.info("ads.report_staged", system=read.system, rows=read.rows, took_ms=took_ms)
    return read


def _staged(
    ctx: Context, site: Site, report: AdReport, name: str, digest: str, by: int | None, lines: int,
    tell: ProgressReporter,
) -> store.AdImport:  # fmt: skip
    import_ = store.begin(ctx.database, site, name, digest, report.system or "other", by)
    staging = store.Staging(ctx, site, import_)
    try:
        for batch in report.batches():
            progress.at(staging.rows, lines)
            staging.add(batch)
            tell(staging.rows)
        progress.for_good()
        problems = [*report.problems, *staging.problems.values()]
        if problems:
            return store.refuse(ctx, site, import_, problems)
        return store.stage(ctx, site, import_, staging, report.notes)
    except UserError:
        store.drop(ctx, site, import_)
        raise
    except Exception as error:
        store.refuse(ctx, site, import_, [from_fault(error)])  # else it would stand there as one that is being read
        raise


def take(
    ctx: Context, site: Site, system: str, name: str, connection: int, level: str, account: str,
    covered: Iterable[date], batches: Iterable[list[AdDay]],
) -> int:  # fmt: skip
    """What an API gave for these days, made to count where it differs from what counts. Returns the rows that changed.

    raises   UserError when a currency has no rate, or a cost is too much; nothing is taken then
    """
    with store.reading(ctx.database):
        import_ = store.begin(ctx.database, site, name, "", system, connection=connection)
        staging = store.Staging(ctx, site, import_)
        try:
            for batch in batches:
                staging.add(batch)
            if not staging.problems:
                import_ = store.stage(ctx, site, import_, staging, level=level, covered=covered, account=account)
        except Exception:  # the connection tells of it
            store.drop(ctx, site, import_)
            raise
        if staging.problems:
            store.refuse(ctx, site, import_, list(staging.problems.values()))
            raise next(iter(staging.problems.values())).error
    with ctx.database.beside_others():  # nobody waits for a poll, so it waits longer than a page for what a backup does
        return _taken(ctx, site, import_)


def _taken(ctx: Context, site: Site, import_: store.AdImport) -> int:
    outcomes = store.outcomes(ctx.database, site, import_)
    changed = {(o.day.account, o.day.on) for o in outcomes if o.what == "replaced" or (o.what == "new" and o.day.rows)}
    if not changed:
        store.drop(ctx, site, import_)
        return 0
    store.keep_days(ctx, site, import_, changed)
    store.confirm(ctx, site, store.import_of(ctx.database, site, import_.id))
    return sum(o.day.rows for o in outcomes if (o.day.account, o.day.on) in changed)


# ── from APIs ──

APIS = {api.system: api for api in (google.API, yandex.API, meta.API, vk.API, tiktok.API, microsoft.API)}
ASKED_EVERY_S = 6 * 3600.0


def poll(ctx: Context, site: Site, connection: Connection) -> Polled:
    """Fetch the next stretch of days that is not known, or the last days again while their figures settle."""
    api = APIS[connection.system]
    stretch = next_stretch(site, connection.cursor, clock.now(), api.settles, api.at_once)
    rows = take(
        ctx, site, connection.system, connection.name, connection.id, api.level, connection.setting(api.account),
        stretch.days, api.days(account_of(ctx, site, connection, api), stretch.first, stretch.last),
    )  # fmt: skip
    return Polled(cursor=stretch.cursor, rows=rows, is_more=stretch.is_more)


def account_of(ctx: Context, site: Site, connection: Connection, api: AdApi) -> AdAccount:
    """The account of a connection, ready to be asked."""

    def opened(base: str, headers: Mapping[str, str]) -> Http:
        return Http(api.label, base, headers=headers, allowed=ctx.config.reach, sleep=rest)

    return AdAccount(settings=connection.settings, open=opened, sleep=rest, zone=site.tz)


SYSTEMS = tuple(
    System(area="ads", id=api.system, label=api.label, fields=api.fields, poll=poll, poll_every_s=ASKED_EVERY_S)
    for api in APIS.values()
)

# ── timed ──


def tidy(ctx: Context) -> None:
    """Finish what a crash cut off, and throw away what was never confirmed."""
    sites = {site.id: site for site in ctx.sites().values()}
    for site_id, number in store.unsettled(ctx.database):
        if site_id in sites:
            store.settle(ctx, sites[site_id], store.import_of(ctx.database, sites[site_id], number))
    store.drop_old(ctx, sites)
