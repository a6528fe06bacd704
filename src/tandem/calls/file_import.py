"""Call detail records of an exchange brought in as a file, on the page or by the command line."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tandem.accounts.model import Site
from tandem.base import log, progress
from tandem.base.errors import UserError
from tandem.base.texts import quantity
from tandem.calls import store
from tandem.calls.model.call import CallFact
from tandem.calls.sources import asterisk
from tandem.calls.tables import call_imports
from tandem.connections.store import connections_of
from tandem.core.context import Context
from tandem.core.operations import ProgressReporter
from tandem.imports.problem import Problem, sentence, stopped_at
from tandem.imports.spill import Spill
from tandem.imports.store.records import RecordImport, RecordImports
from tandem.imports.text import NotText, line_count, table
from tandem.imports.uploads import digest_of, named

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


class CallSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds. With problems nothing of it is kept.

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
    problems: list[Problem] = []
    refused: int = 0


class CallImport(RecordImport, frozen=True, kw_only=True):
    """One file of calls."""

    @property
    def found(self) -> CallSummary:
        """What the dry run found in it."""
        return msgspec.convert(self.summary, CallSummary)


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


def read_file(ctx: Context, site: Site, path: Path, name: str, hints: CallHints, by: int | None = None) -> CallImport:
    """A file read and staged: a dry run; or refused as a whole, with its problems.

    name     what its user calls it
    raises   UserError when it is no such file
    """
    began = time.perf_counter()
    digest = digest_of(path, site.id, hints.zone, hints.region, hints.connection)
    with IMPORTS.reading(ctx.database):
        import_ = IMPORTS.begin_file(ctx, site, name, digest, "asterisk", by, msgspec.to_builtins(hints))
        try:
            with _parts(path) as parts:
                found = _look_through(ctx, site, path, hints, parts)
        except Exception:
            IMPORTS.drop(ctx, site, import_)
            raise
        if found.problems:
            read = IMPORTS.refuse(ctx, site, import_, found.problems)
        else:
            read = IMPORTS.stage_file(ctx, site, import_, path, found.calls, msgspec.to_builtins(found))
    _log.info(
        "calls.file_read", site=site.key, state=read.state, rows=found.rows, calls=found.calls, fresh=found.fresh,
        took_ms=round((time.perf_counter() - began) * 1000),
    )  # fmt: skip
    return read


@contextmanager
def _parts(path: Path) -> Iterator[list[Spill[CallFact]]]:
    """Room for the calls of a file, so that a large one costs no memory."""
    with ExitStack() as open_files:
        yield [open_files.enter_context(Spill(CallFact)) for _ in range(1 + path.stat().st_size // PART)]


def _look_through(ctx: Context, site: Site, path: Path, hints: CallHints, parts: list[Spill[CallFact]]) -> CallSummary:
    problems, rows = _read(path, hints, site, parts)
    lookeds = [_look(ctx, site, part) for part in parts]
    calls, existing = sum(one.calls for one in lookeds), sum(one.existing for one in lookeds)
    outcomes = sum((one.outcomes for one in lookeds), Counter[str]())
    moments = [at for one in lookeds for at in (one.first, one.last) if at]
    refused = min(len(problems), MOST_PROBLEMS)
    return CallSummary(
        rows=rows, calls=calls, fresh=calls - existing, existing=existing,
        outgoing=sum(one.outgoing for one in lookeds), inside=rows - sum(map(len, parts)) - refused,
        outcomes=dict(outcomes.most_common()), first=min(moments, default=None), last=max(moments, default=None),
        problems=problems, refused=refused,
    )  # fmt: skip


def _apply(ctx: Context, site: Site, import_: CallImport) -> None:
    """Block by block, so that a large file costs no memory; done again, it completes what a crash cut off."""
    hints = msgspec.convert(import_.hints, CallHints)
    with IMPORTS.file_of(ctx, import_) as path, _parts(path) as parts:
        with progress.part(0, 0.3):
            problems, _ = _read(path, hints, site, parts)
        if problems:  # this version reads more strictly than the one that staged it
            raise problems[0].error
        calls = list[tuple[datetime, int]]()
        for number, part in enumerate(parts):
            with progress.part(0.3 + 0.2 * number / len(parts), 0.3 + 0.2 * (number + 1) / len(parts)):
                calls += store.put(ctx, site, part, hints.region, import_.id)
        with progress.part(0.5, 1):
            store.credit_all(ctx, site, calls)


IMPORTS = RecordImports(
    call_imports, CallImport, area="calls", page=sentence("See the list of imports on the Calls page."), apply=_apply,
    take_back=lambda ctx, site, import_: store.take_back(ctx, site, import_.id),
    forget_replaced=store.forget_replaced,
)  # fmt: skip


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
    import_ = read_file(ctx, site, path, path.name, hints_of(ctx, site, args))
    if import_.state == "refused":
        lines = [problem.said(path.name) for problem in import_.problems]
        return {"lines": [*lines, "Nothing was imported."], "problems": min(len(lines), MOST_PROBLEMS)}
    found = import_.found
    calls, rows = quantity(found.calls, "call"), quantity(found.rows, "row")
    counts = f"{calls} in {rows}: {found.fresh:,} new, {found.existing:,} known."
    more = f"Outgoing: {found.outgoing:,}. Rows between extensions, skipped: {found.inside:,}."
    if args.get("dry_run"):
        IMPORTS.drop(ctx, site, import_)
        return {"lines": [counts, more, "Nothing was changed: this was a dry run."], "problems": 0}
    tell(0.3, f"importing {path.name}")
    IMPORTS.confirm(ctx, site, import_, None)
    return {"lines": [counts, more], "problems": 0}
