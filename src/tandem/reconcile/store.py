"""Loads of outside figures, the rules of each source, and findings: written whole, made to count, taken back."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import msgspec
from sqlalchemy import delete, insert, select

from tandem.accounts.model import Site
from tandem.accounts.store import differences, note
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.warehouse import Step, Warehouse, questions_in, steps_of
from tandem.base.words import hand_in
from tandem.core.context import Context
from tandem.core.query import QueryRunner
from tandem.findings import store as findings
from tandem.findings.model import State
from tandem.imports import store as life
from tandem.imports.problem import Problem, sentence
from tandem.imports.store import Imports
from tandem.reconcile.model.compare import Cell
from tandem.reconcile.model.finding import (
    RULE,
    KeptExcess,
    difference_of,
    failure_of,
    subject_of,
    summed,
)
from tandem.reconcile.model.outside import FIGURES, PROBLEMS, OutsideReport, OutsideRow
from tandem.reconcile.model.rules import CountingRules, usual
from tandem.reconcile.tables import outside_imports as t
from tandem.reconcile.tables import outside_rules as r

HERE = Path(__file__).parent
SLICE = "reconcile"
COUNTING = "counts"
MOST_OF_STATE = 10_000
SHOWN: tuple[State, ...] = ("open", "explained", "ignored")
BLOCK = 50_000
STAGED_FOR = timedelta(days=7)
SQL = questions_in(HERE / "sql")

hand_in(members={("area", SLICE): "Reconciliation"})


def schema() -> list[Step]:
    """The table of this slice in the event store."""
    return steps_of("reconcile", HERE / "schema")


class ReportImport(life.Import, frozen=True, kw_only=True):
    """A load of outside figures; beside the states of every import: counts, undone."""

    account: str
    split: str
    figures: list[str]
    first_on: date | None
    last_on: date | None
    zone: str
    attribution: str
    share: str

    @property
    def source(self) -> str:
        return source_of(self.system, self.account)


IMPORTS = Imports(
    t, ReportImport, area="reconcile", page=sentence("See the list on the Reconciliation page."), wording=PROBLEMS,
    counting=(COUNTING,), undone="undone", staged_for=STAGED_FOR,
    forget_rows=lambda ctx, site, import_: forget_rows(ctx, site, import_),
)  # fmt: skip
import_of, idle_import, imports_of, counting = IMPORTS.of, IMPORTS.idle, IMPORTS.newest, IMPORTS.that_count
counting_already, reading = IMPORTS.counting_already, IMPORTS.reading
drop, drop_old = IMPORTS.drop, IMPORTS.drop_old


class SourceFigure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that a source tells of by a split, and over which days."""

    source: str
    figure: str
    split: str
    first_on: date
    last_on: date


class OutsideFigure(msgspec.Struct, frozen=True, kw_only=True):
    """One row of outside figures that counts."""

    on: date
    channel: str
    source: str
    medium: str
    campaign: str
    value: Decimal
    share: Decimal
    is_thresholded: bool
    is_other: bool


def source_of(system: str, account: str) -> str:
    """A source by one name: the system and, where there are several, its account."""
    return f"{system}:{account}" if account else system


# ── loads ──


def begin(
    db: Database, site: Site, file: str, digest: str, report: OutsideReport, by: int | None, connection: int | None
) -> ReportImport:
    """A new load, with what its report says of itself."""
    days = [row.on for row in report.rows]
    shares = [row.share for row in report.rows if row.share is not None]
    return IMPORTS.begin(
        db, site, file, digest, report.system, by, connection, account=report.account[:200], split=report.split,
        figures=sorted({row.figure for row in report.rows}), first_on=min(days, default=None),
        last_on=max(days, default=None), zone=report.zone if report.zone in available_timezones() else "",
        attribution=report.attribution[:100], share=f"{min(shares):.6f}" if shares else "",
        problems=[msgspec.to_builtins(p) for p in report.problems],
        notes=[msgspec.to_builtins(n) for n in report.notes],
    )  # fmt: skip


def stage(ctx: Context, site: Site, import_: ReportImport, rows: Sequence[tuple[OutsideRow, Decimal]]) -> ReportImport:
    """Write the rows of a load, with their values in the site's currency; they still count for nothing.

    raises   RuntimeError when the event store holds something else than was written
    """
    for i in range(0, len(rows), BLOCK):
        with ctx.database.beside_others():  # a backup has of both stores what is of one moment
            _write(ctx, site, import_, rows[i : i + BLOCK], f"outside-{import_.id}-{i}")
    written = (len(rows), sum((value for _, value in rows), Decimal(0)))
    (count, value), *_ = ctx.warehouse.ask(SQL["load_sum"], {"site": site.id, "load": import_.id}).rows
    if (count, value) != written:
        raise RuntimeError(
            f"the event store holds {count} rows of load {import_.id} worth {value}, which has {written}"
        )
    return IMPORTS.note_staged(ctx.database, site, import_, rows=len(rows))


def _write(
    ctx: Context, site: Site, import_: ReportImport, part: Sequence[tuple[OutsideRow, Decimal]], token: str
) -> None:
    ctx.warehouse.insert(
        "outside_rows",
        {
            "site": [site.id] * len(part), "load": [import_.id] * len(part),
            "source_id": [import_.source] * len(part), "split": [import_.split] * len(part),
            "figure": [row.figure for row, _ in part],
            "on": [row.on for row, _ in part], "channel": [row.channel for row, _ in part],
            "source": [row.source for row, _ in part], "medium": [row.medium for row, _ in part],
            "campaign": [row.campaign for row, _ in part], "value": [value for _, value in part],
            "original_value": [row.value for row, _ in part], "currency": [row.currency for row, _ in part],
            "share": [float(row.share) if row.share is not None else 1.0 for row, _ in part],
            "is_thresholded": [int(row.is_thresholded) for row, _ in part],
            "is_other": [int(row.is_other) for row, _ in part],
        },
        token=token,
    )  # fmt: skip


def refuse(db: Database, site: Site, import_: ReportImport, problems: Sequence[Problem]) -> ReportImport:
    """Keep of a load only what was wrong with it."""
    return IMPORTS.note_refused(db, site, import_, problems)


def confirm(db: Database, site: Site, import_: ReportImport, by: int | None = None) -> ReportImport:
    """Make a staged load count, all of it at once.

    raises   UserError when it is not staged
    """
    return IMPORTS.note_confirmed(db, site, import_, by)


def undo(db: Database, site: Site, import_: ReportImport, by: int | None = None) -> ReportImport:
    """Take a load back: its days fall back to what counted without it.

    raises   UserError when it does not count
    """
    return IMPORTS.note_undone(db, site, import_, by)


def forget_rows(ctx: Context, site: Site, import_: ReportImport) -> None:
    """Take the rows of a load out of the event store, and leave what is known of it."""
    with ctx.database.beside_others():
        ctx.warehouse.do(SQL["forget_load"], {"site": site.id, "load": import_.id})


def fixes(db: Database, site: Site, field: str) -> UserError | None:
    """Why a site's currency can change no more: outside money was converted into it."""
    may_count = IMPORTS.that_may_count(db, site)
    if field != "currency" or not any(FIGURES[name].is_money for one in may_count for name in one.figures):
        return None
    return UserError(
        "Figures of other systems were converted into %(currency)s.",
        "Undo or discard the imports on the Reconciliation page, change this, then import them again.",
        409, currency=site.currency,
    )  # fmt: skip


def source_figures(runner: QueryRunner, db: Database, site: Site) -> list[SourceFigure]:
    """The figures that loads tell of."""
    loads = [one.id for one in counting(db, site)]
    return runner.rows(SQL["source_figures"], SourceFigure, site=site.id, loads=loads) if loads else []


def figures(
    runner: QueryRunner, db: Database, site: Site, source: str, figure: str, split: str, first: date, last: date
) -> list[OutsideFigure]:
    """What a source says of a figure, by the last load that tells of each day."""
    loads = [one.id for one in counting(db, site) if one.source == source and one.split == split]
    if not loads:
        return []
    return runner.rows(
        SQL["outside_figures"], OutsideFigure, site=site.id, source_id=source, figure=figure, split=split, first=first,
        last=last, loads=loads,
    )  # fmt: skip


class LoadDay(msgspec.Struct, frozen=True, kw_only=True):
    """What a load says of a figure on a day, all parts together."""

    load: int
    figure: str
    on: date
    value: Decimal
    rows: int


def days_of(warehouse: Warehouse, site: Site, loads: Sequence[int]) -> list[LoadDay]:
    """The days of several loads, whether they count or not."""
    return warehouse.rows(SQL["load_days"], LoadDay, site=site.id, loads=list(loads)) if loads else []


def last_of(db: Database, site: Site, source: str, split: str, first: date, last: date) -> ReportImport | None:
    """The load that counts last among those that tell of these days."""
    imports = [one for one in counting(db, site) if one.source == source and one.split == split]
    over = [one for one in imports if one.first_on and one.last_on and one.first_on <= last and one.last_on >= first]
    return over[-1] if over else None


# ── rules ──


def rules_of(db: Database, site: Site, source: str) -> CountingRules:
    """By which rules a source counts: what a person said, else what is known of its system and its last load told."""
    with db.read() as c:
        row = c.execute(select(r).where(r.c.site_id == site.id, r.c.source == source)).mappings().first()
        query = select(t.c.zone).where(t.c.site_id == site.id, t.c.state == COUNTING, t.c.zone != "")
        zones = c.execute(query.where(_is_of(source)).order_by(t.c.place.desc()).limit(1)).scalars().all()
    if row is not None:
        rules = msgspec.convert({name: row[name] for name in CountingRules.__struct_fields__}, CountingRules)
        return rules if rules.zone or not zones else msgspec.structs.replace(rules, zone=zones[0])
    return msgspec.structs.replace(usual(source.partition(":")[0], site.mode), zone=zones[0] if zones else "")


def save_rules(db: Database, site: Site, source: str, rules: CountingRules, by: int | None) -> None:
    """Keep what a person says of a source's rules; in the audit log."""
    key = (r.c.site_id == site.id, r.c.source == source)
    values = {**msgspec.structs.asdict(rules), "made_by": by, "made_at": clock.now()}
    with db.write() as c:
        row = c.execute(select(r).where(*key)).mappings().first()
        c.execute(delete(r).where(*key))
        c.execute(insert(r).values(site_id=site.id, source=source[:240], **values))
        changed = differences(dict(row or {}), msgspec.to_builtins(rules))
        note(c, site.workspace_id, by, "reconcile.rules_set", source, **changed)


def _is_of(source: str) -> Any:
    system, _, account = source.partition(":")
    return (t.c.system == system) & (t.c.account == account)


# ── findings ──


def differences_of(
    db: Database, site: Site, states: Sequence[State] = ("open", "explained", "ignored")
) -> list[KeptExcess]:
    """What differs at a site, and what of it users explained: the open ones first, then the largest."""
    of_states = (findings.findings_of(db, site, SLICE, (state,), most=MOST_OF_STATE) for state in states)
    differences = [difference_of(one) for of_state in of_states for one in of_state]
    return sorted(differences, key=lambda one: (one.state != "open", -one.share))


def review(
    db: Database, site: Site, source: str, figure: str, split: str, cells_of: Mapping[str, list[Cell]], since: date,
    needs: Iterable[str] = (),
) -> int:  # fmt: skip
    """Bring the findings of a source's figure in line with the days that show too much now; returns all that are open.

    Days that a user has explained raise nothing again.

    since   the first day that was looked at; findings that end before it stay as they are
    needs   the permissions of whoever may see both figures
    """
    explained = findings.findings_of(db, site, SLICE, ("explained",), most=MOST_OF_STATE)

    def is_new(subject: str, cell: Cell) -> bool:
        return not any(one.subject == subject and one.first_on <= cell.on <= one.last_on for one in explained)

    failures = []
    for part, cells in cells_of.items():
        subject = subject_of(source, figure, split, part)
        if news := [cell for cell in cells if is_new(subject, cell)]:
            failures.append(failure_of(summed(part, news), source, figure, split, needs))
    here = subject_of(source, figure, split, "")
    return findings.review(
        db, site, SLICE, RULE, failures, lambda one: one.subject.startswith(here) and one.last_on >= since
    )


def sources_of_findings(db: Database, site: Site) -> set[tuple[str, str, str]]:
    """Source, figure and split of all open findings: what was taken back must be looked at too."""
    open_ = findings.findings_of(db, site, SLICE, ("open", "ignored"), most=MOST_OF_STATE)
    return {(one.evidence["source"], one.evidence["figure"], one.evidence["split"]) for one in open_}
