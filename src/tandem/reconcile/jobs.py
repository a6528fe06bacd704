"""Bringing figures in from files and APIs, and timed work: findings, and what was never confirmed."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

from tandem.accounts.model import Site
from tandem.base import clock, log, progress
from tandem.base.http import Http
from tandem.base.jobs import rest
from tandem.connections.model import Connection, Polled, System
from tandem.core.context import Context
from tandem.imports.problem import Problem, from_fault, problem_of
from tandem.imports.stretch import next_stretch
from tandem.imports.uploads import digest_of
from tandem.metrics.recounting import recounting
from tandem.rates.model import Rates, TooMuch
from tandem.rates.store import rates_of
from tandem.reconcile import queries, store
from tandem.reconcile.model.finding import excesses
from tandem.reconcile.model.outside import FIGURES, MOST_PROBLEMS, PROBLEMS, OutsideReport, OutsideRow
from tandem.reconcile.sources import ga4, metrika, report
from tandem.reconcile.sources.api import AnalyticsAccount, AnalyticsApi
from tandem.reconcile.sources.report import ReportHints

_log = log.get("reconcile")
Valued = list[tuple[OutsideRow, Decimal]]
LOOKED_BACK_DAYS = 92


def read_file(
    ctx: Context, site: Site, path: Path, name: str, hints: ReportHints, by: int | None = None
) -> store.ReportImport:
    """A file read and staged; or refused as a whole, with its problems. The same file again is found again."""
    began, digest = time.perf_counter(), digest_of(path, site.id, hints.system, hints.account, hints.zone, hints.order)
    if (import_ := store.counting_already(ctx.database, site, digest)) is not None:
        return import_
    with progress.part(0, 0.7):
        parsed = report.read(path, hints, clock.now().astimezone(site.tz).date())
    progress.for_good()
    with store.reading(ctx.database):
        import_ = _staged(ctx, site, name, digest, parsed, by)
    took_ms = round((time.perf_counter() - began) * 1000)
    _log.info("reconcile.report_read", system=import_.system, state=import_.state, rows=import_.rows, took_ms=took_ms)
    return import_


def _staged(
    ctx: Context,
    site: Site,
    name: str,
    digest: str,
    report: OutsideReport,
    by: int | None = None,
    connection: int | None = None,
) -> store.ReportImport:
    import_ = store.begin(ctx.database, site, name, digest, report, by, connection)
    problems, rows = list(report.problems), list[tuple[OutsideRow, Decimal]]()
    if not problems:
        rows, problems = _in_currency(ctx, site, report.rows)
    if problems:
        return store.refuse(ctx.database, site, import_, problems)
    try:
        return store.stage(ctx, site, import_, rows)
    except Exception as error:
        store.forget_rows(ctx, site, import_)  # that it broke is to be seen
        store.refuse(ctx.database, site, import_, [from_fault(error)])
        raise


def _in_currency(ctx: Context, site: Site, rows: Sequence[OutsideRow]) -> tuple[Valued, list[Problem]]:
    """Rows with their values in the site's currency, money by the day's rate; or what has no rate, or is too much."""
    rates, nothing = cache(lambda: rates_of(ctx.database)), Rates()
    valued, problems = list[tuple[OutsideRow, Decimal]](), list[Problem]()
    for row in rows:
        is_foreign = FIGURES[row.figure].is_money and row.currency not in ("", site.currency)
        currency, day = row.currency if is_foreign else site.currency, row.on.isoformat()
        try:
            value = (rates() if is_foreign else nothing).convert(row.value, currency, site.currency, row.on)
        except TooMuch:
            amount = f"{row.value.normalize():f} {row.currency}".strip()
            into = site.currency if FIGURES[row.figure].is_money else ""
            problem = problem_of(PROBLEMS, "too_much", value=amount, figure=row.figure, day=day, into=into)
        else:
            if value is not None:
                valued.append((row, value))
                continue
            problem = problem_of(PROBLEMS, "no_rate", currency=currency, into=site.currency, day=day)
        if len(problems) < MOST_PROBLEMS:
            problems.append(problem)
    return valued, problems


# ── from APIs ──

APIS = {api.system: api for api in (ga4.API, metrika.API)}
ASKED_EVERY_S = 12 * 3600.0


def poll(ctx: Context, site: Site, connection: Connection) -> Polled:
    """Fetch the next stretch of days that is not known, or the last days again while their figures settle."""
    api = APIS[connection.system]
    stretch = next_stretch(site, connection.cursor, clock.now(), api.settles, api.at_once)
    reports = api.reports(account_of(ctx, connection, api), stretch.first, stretch.last)
    rows = sum(take(ctx, site, connection, one, stretch.first, stretch.last) for one in reports)
    if rows and not stretch.is_more:
        review(ctx, site)
    return Polled(cursor=stretch.cursor, rows=rows, is_more=stretch.is_more)


def take(ctx: Context, site: Site, connection: Connection, report: OutsideReport, first: date, last: date) -> int:
    """What an API said of these days, made to count. Days that it has no rows for count as nothing. Returns the rows.

    raises   UserError when a currency has no rate, or a value is too much; nothing is taken then
    """
    rows = [*report.rows, *_nothing_on(report, first, last)]
    digest = hashlib.sha256(f"{site.id}:{connection.id}:{report.split}:{sorted(map(repr, rows))}".encode()).hexdigest()
    before = store.last_of(
        ctx.database, site, store.source_of(report.system, report.account), report.split, first, last
    )
    if not rows or (before is not None and before.digest == digest):
        return 0
    full = OutsideReport(system=report.system, account=report.account, split=report.split, rows=rows, zone=report.zone,
                  attribution=report.attribution, notes=report.notes)  # fmt: skip
    with store.reading(ctx.database):
        one = _staged(ctx, site, connection.name, digest, full, connection=connection.id)
    if one.state == "refused":
        raise one.problems[0].error
    store.confirm(ctx.database, site, one)
    return one.rows


def _nothing_on(report: OutsideReport, first: date, last: date) -> list[OutsideRow]:
    """A row of nothing for each figure and day without rows, so that a day that lost its rows is replaced too."""
    days_with_rows = {row.on for row in report.rows}
    days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
    names = sorted({row.figure for row in report.rows})
    return [
        OutsideRow(on=on, figure=name, value=Decimal(0)) for on in days if on not in days_with_rows for name in names
    ]


def account_of(
    ctx: Context, connection: Connection, api: AnalyticsApi, sleep: Callable[[float], None] = rest
) -> AnalyticsAccount:
    """The account of a connection, ready to be asked."""

    def opened(base: str, headers: Mapping[str, str]) -> Http:
        return Http(api.label, base, headers=headers, allowed=ctx.config.reach, sleep=sleep)

    return AnalyticsAccount(settings=connection.settings, open=opened)


SYSTEMS = tuple(
    System(area="reconcile", id=api.system, label=api.label, fields=api.fields, note=api.note, poll=poll,
           poll_every_s=ASKED_EVERY_S)
    for api in APIS.values()
)  # fmt: skip

# ── findings ──


def review(ctx: Context, site: Site) -> int:
    """Look through all figures of three months, and keep what is unexplained; returns how many findings are open."""
    until = queries.settled_until(site)
    since = until - timedelta(days=LOOKED_BACK_DAYS)
    waiting = store.sources_of_findings(ctx.database, site)
    count = 0
    for source in queries.sources(ctx, site):
        rules = store.rules_of(ctx.database, site, source.id)
        for figure, splits in source.figures.items():
            if source.is_own and figure != "clicks" and not rules.is_same:
                continue  # goals of an ad system and deals of a CRM are mostly other things than ours, not other counts
            is_mixed = recounting(ctx, site, (FIGURES[figure].ours,)) is not None  # judged when it is counted
            for split in ("day", "channel"):
                if split not in splits:
                    continue
                first, last = max(since, splits[split][0]), min(until, splits[split][1])
                waiting.discard((source.id, figure, split))
                if first > last or is_mixed:
                    continue
                comparison = queries.compare(ctx, site, source, figure, split, rules, first, last)
                too_much = excesses(
                    queries.judged(comparison, "day" in splits), queries.enough_for(ctx, site, figure), until
                )
                needs = queries.needs_of(source, figure)
                count = store.review(ctx.database, site, source.id, figure, split, too_much, first, needs)
    for id, figure, split in waiting:  # nothing tells of them any more: their loads were taken back
        count = store.review(ctx.database, site, id, figure, split, {}, date.min)
    return count


def review_all(ctx: Context) -> None:
    """Look at every site, since the room Ads may tell of it without any report brought in here."""
    for site in ctx.sites().values():
        _log.info("reconcile.reviewed", site=site.key, open=review(ctx, site))


def tidy(ctx: Context) -> None:
    """Throw away what was read and never confirmed."""
    store.drop_old(ctx, {site.id: site for site in ctx.sites().values()})
