"""Call detail records of an exchange brought in as a file, on the page or by the command line."""

import time
from collections import Counter
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.base import log, progress
from tandem.base.errors import UserError
from tandem.base.texts import quantity
from tandem.calls import store
from tandem.calls.model.call import CallFact
from tandem.calls.sources import asterisk
from tandem.connections.store import connections_of
from tandem.core.context import Context
from tandem.core.operations import ProgressReporter
from tandem.imports.problem import Problem, stopped_at
from tandem.imports.spill import Spill
from tandem.imports.text import NotText, line_count, table
from tandem.imports.uploads import named

MOST_PROBLEMS = 50
LARGEST_FILE = 64 << 20
PART = 1 << 20
"""How much of a file is looked at together, about."""

_log = log.get("calls")


class CallHints(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says of a file.

    zone         of its moments; empty: the site's
    region       country of numbers without a country code, two letters
    connection   whose exchange it is: calls heard over that line are the same ones; 0: of no connection
    """

    zone: str = ""
    region: str = ""
    connection: int = 0


class CallImportResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds and what became of it. With problems nothing of it is kept.

    inside     rows of calls between extensions, and of legs that tell nothing new: left out
    outcomes   how many calls ended how; only of incoming ones
    """

    rows: int
    calls: int
    fresh: int
    existing: int
    outgoing: int
    inside: int
    outcomes: dict[str, int]
    first: datetime | None
    last: datetime | None
    problems: list[Problem]
    refused: int
    is_dry: bool


def hints_of(ctx: Context, site: Site, form: dict[str, Any]) -> CallHints:
    """What was said of a file; left out, the site's only exchange is taken for the one that wrote it.

    raises   UserError when it does not fit
    """
    zone, region, number = (str(form.get(name) or "").strip() for name in ("zone", "region", "connection"))
    if zone:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise UserError(
                "“%(value)s” is not a time zone.", "Use a name such as Europe/Warsaw.", value=zone[:40]
            ) from error
    if region and not (len(region) == 2 and region.isalpha() and region.isascii()):
        raise UserError("“%(value)s” is not a country.", "Use two letters, such as PL.", value=region[:40])
    exchanges = {
        connection.id: connection
        for connection in connections_of(ctx, site, "calls")
        if connection.system == "asterisk"
    }
    if number not in ("", "0") and not (number.isdecimal() and int(number) in exchanges):
        raise UserError("There is no such phone system.", "Choose a connection to Asterisk of this site.", status=404)
    chosen = int(number) if number else next(iter(exchanges)) if len(exchanges) == 1 else 0
    own = exchanges[chosen].setting("region") if chosen else ""
    return CallHints(zone=zone or site.zone, region=(region or own).upper(), connection=chosen)


def bring_in(
    ctx: Context, site: Site, path: Path, hints: CallHints, is_dry: bool, by: int | None = None
) -> CallImportResult:
    """Read a file of call detail records and, unless it is a dry run or has problems, keep its calls.

    by   whose file it is, for the audit log; None: of the command line
    The whole file is read before anything is kept. The same file twice changes nothing.
    raises   UserError when it is no such file
    """
    began = time.perf_counter()
    with ExitStack() as open_files:
        parts = [open_files.enter_context(Spill(CallFact)) for _ in range(1 + path.stat().st_size // PART)]
        with progress.part(0, 1 if is_dry else 0.3):
            problems, rows = _read(path, hints, site, parts)
        lookeds = [_look(ctx, site, part) for part in parts]
        counted_rows = sum(map(len, parts))
        if not is_dry and not problems:
            progress.for_good()
            with progress.part(0.3, 1):
                _keep(ctx, site, parts, hints)
    calls, existing = sum(one.calls for one in lookeds), sum(one.existing for one in lookeds)
    if not is_dry and not problems:
        with ctx.database.write() as c:
            note(c, site.workspace_id, by, "calls.imported", site.key, fresh=calls - existing)
    _log.info(
        "calls.file_read", site=site.key, rows=rows, calls=calls, fresh=calls - existing,
        problems=len(problems), is_dry=is_dry, took_ms=round((time.perf_counter() - began) * 1000),
    )  # fmt: skip
    outcomes = sum((one.outcomes for one in lookeds), Counter[str]())
    moments = [at for one in lookeds for at in (one.first, one.last) if at]
    return CallImportResult(
        rows=rows, calls=calls, fresh=calls - existing, existing=existing,
        outgoing=sum(one.outgoing for one in lookeds),
        inside=rows - counted_rows - min(len(problems), MOST_PROBLEMS), outcomes=dict(outcomes.most_common()),
        first=min(moments, default=None), last=max(moments, default=None),
        problems=problems, refused=min(len(problems), MOST_PROBLEMS), is_dry=is_dry,
    )  # fmt: skip


def _keep(ctx: Context, site: Site, parts: list[Spill[CallFact]], hints: CallHints) -> None:
    """Block by block, so that a large file costs no memory; what a crash leaves out comes when the file comes again."""
    calls = list[tuple[datetime, int]]()
    for number, part in enumerate(parts):
        with progress.part(0.3 * number / len(parts), 0.3 * (number + 1) / len(parts)):
            calls += store.put(ctx, site, part, hints.region)
    with progress.part(0.3, 1):
        store.credit_all(ctx, site, calls)


class _Looked(NamedTuple):
    """What a part of the calls comes to."""

    calls: int
    existing: int
    outgoing: int
    outcomes: Counter[str]
    first: datetime | None
    last: datetime | None


def _look(ctx: Context, site: Site, part: Spill[CallFact]) -> _Looked:
    calls = store.joined(site, part)
    moments = [fact.at for fact in part]
    return _Looked(
        calls=len(calls), existing=store.known_of(ctx, site, [store.call_key(site, call) for call in calls]),
        outgoing=sum(call.direction == "out" for call in calls),
        outcomes=Counter(str(call.outcome) for call in calls if call.direction == "in"),
        first=min(moments, default=None), last=max(moments, default=None),
    )  # fmt: skip


def _read(path: Path, hints: CallHints, site: Site, parts: list[Spill[CallFact]]) -> tuple[list[Problem], int]:
    """Sets the calls down, all rows of one call in the same part; returns the problems and how many rows there are."""
    count = line_count(path)
    problems, rows = list[Problem](), 0
    try:
        with closing(table(path, otherwise="cp1252", errors="replace")) as lines:
            for record in asterisk.records(lines, hints.zone):
                rows += 1
                progress.at(rows, count)
                if isinstance(record, Problem):
                    problems.append(record)
                    if len(problems) == MOST_PROBLEMS:
                        problems.append(stopped_at(record.line))
                        break
                elif record is not None:
                    fact = msgspec.structs.replace(record, ref=f"{hints.connection}:{record.ref}")
                    parts[store.call_key(site, fact) % len(parts)].add(fact)
    except NotText as error:
        raise UserError("This is not a CSV file.", "Take Master.csv, or export the table cdr as CSV.") from error
    if not rows:
        raise UserError("The file is empty.", "Take Master.csv, or export the table cdr with its header.")
    return problems, rows


def import_file(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
    """Bring `args["file"]` into the site `args["site"]`; gives lines to print, and how many problems there were.

    raises   UserError when there is no such file or site, or it is no file of calls
    """
    path, site = named(ctx, args)
    if path.stat().st_size > LARGEST_FILE:
        raise UserError("%(file)s is larger than 64 MB.", "Import it in parts.", file=path.name)
    tell(0.0, f"reading {path.name}")
    result = bring_in(ctx, site, path, hints_of(ctx, site, args), is_dry=bool(args.get("dry_run")))
    if result.problems:
        lines = [problem.said(path.name) for problem in result.problems]
        return {"lines": [*lines, "Nothing was imported."], "problems": result.refused}
    calls, rows = quantity(result.calls, "call"), quantity(result.rows, "row")
    counts = f"{calls} in {rows}: {result.fresh:,} new, {result.existing:,} known."
    more = f"Outgoing: {result.outgoing:,}. Rows between extensions, skipped: {result.inside:,}."
    end = ["Nothing was changed: this was a dry run."] if result.is_dry else []
    return {"lines": [counts, more, *end], "problems": 0}
