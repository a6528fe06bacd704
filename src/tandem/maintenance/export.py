"""Events of a site as a file of lines: for a spreadsheet, another tool, or a person who asks what is kept of them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.base import clock, progress
from tandem.base.errors import UserError
from tandem.base.warehouse import questions_in
from tandem.core.context import Context
from tandem.core.operations import ProgressReporter, site_of
from tandem.maintenance import facts
from tandem.maintenance.draft import Draft
from tandem.maintenance.erase import identifier_of, nodes_of

SQL = questions_in(Path(__file__).parent / "sql")
FORMATS = {".ndjson": "JSONEachRow", ".jsonl": "JSONEachRow", ".csv": "CSV"}
COLUMNS = (
    "id", "visitor", "at", "received", "kind", "name", "host", "path", "query", "referrer", "language", "width",
    "country", "city", "network", "user_agent", "engaged_ms", "scroll", "value", "amount", "currency", "props",
    "status", "marks",
)  # fmt: skip


def export(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
    """Write the events of `args["site"]` from `since` up to and without `until` into `file`, a day at a time.

    No day is asked for before the first event, or after tomorrow: whoever wants everything names any days.

    raises   UserError when a date, the visitor, the site or the file does not fit
    """
    path, fmt = Path(args["file"]), format_of(args["file"])
    site = site_of(ctx, args["site"])
    if site is None:
        raise UserError("No site was given.", "Set it with --site.")
    since, until = _day(args.get("since")), _day(args.get("until"))
    keyed_nodes = nodes_of(ctx, identifier_of(args["person"]), [site])[site.key] if args.get("person") else []
    nodes = [node for node, _ in keyed_nodes]  # of the person themselves, not of whom a claim joins to them
    end = clock.now().astimezone(site.tz).date() + timedelta(days=2)
    if since and since >= (until or end):
        raise UserError(f"{since} is not before {until or end}.", "Give --since an earlier day than --until.")
    until = min(until or end, end)
    first = _first_day(ctx, site, until)
    since = max(since or first, first)
    with ctx.database.write() as c:
        note(c, site.workspace_id, None, "data.exported", path.name, site=site.key)
    rows = _written(path, _blocks(ctx, site, nodes, since, until, fmt, tell)) - (fmt == "CSV")
    return {"file": str(path), "events": rows}


def format_of(file: str) -> str:
    """The engine's name of the format that the file's ending asks for.

    raises   UserError for an ending that means nothing here
    """
    ending = Path(file).suffix.lower()
    if ending not in FORMATS:
        raise UserError(f"“{Path(file).name[-60:]}” has no known format.", "Use a name that ends in .ndjson or .csv.")
    return FORMATS[ending]


def _day(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"“{text[:40]}” is not a day.", "Use the format 2026-11-30.") from error


def _first_day(ctx: Context, site: Site, until: date) -> date:
    first = ctx.warehouse.value("select min(at) from events where site = {site:UInt32}", site=site.id)
    day = first.astimezone(site.tz).date()
    return day if datetime(1971, 1, 1).date() < day < until else until


def _blocks(
    ctx: Context, site: Site, nodes: list[int], since: date, until: date, fmt: str, tell: ProgressReporter
) -> Iterator[bytes]:
    if fmt == "CSV":
        yield (",".join(COLUMNS) + "\n").encode()
    day, days = since, (until - since).days
    while day < until:
        tell((day - since).days / days, f"writing {day}")
        tomorrow = day + timedelta(days=1)
        params = {
            "site": site.id,
            "is_csv": int(fmt == "CSV"),
            "nodes": nodes,
            "since": _midnight(day, site),
            "until": _midnight(tomorrow, site),
        }
        for block in facts.blocks(ctx.warehouse, SQL["exported_events"], params, fmt):
            progress.look()
            yield block
        day = tomorrow


def _midnight(day: date, site: Site) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=site.tz).astimezone(UTC)


def _written(path: Path, blocks: Iterator[bytes]) -> int:
    """Write a new file that only its owner may read and that is whole or not there; returns the number of lines."""
    lines, is_quoted, draft = 0, False, Draft(path)
    try:
        for block in blocks:
            draft.write(block)
            for i, piece in enumerate(block.split(b'"')):
                is_quoted ^= i > 0
                lines += 0 if is_quoted and path.suffix.lower() == ".csv" else piece.count(b"\n")
        draft.publish()
    finally:
        draft.discard()
    return lines
