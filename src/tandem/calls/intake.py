"""Call detail records of an exchange brought in as a file, on the page or by the command line."""

import codecs
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from tandem.accounts.house import House
from tandem.accounts.model import Site
from tandem.base import log, progress
from tandem.base.errors import UserError
from tandem.calls import store
from tandem.calls.model.call import CallFact
from tandem.calls.sources import asterisk
from tandem.connections.store import connections_of

MOST_ROWS, MOST_PROBLEMS = 200_000, 50
LARGEST_FILE = 64 << 20

_log = log.get("calls")


class Hints(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says of a file.

    zone         of its moments; empty: the site's
    region       country of numbers without a country code, two letters
    connection   whose exchange it is: calls heard over that line are the same ones; 0: of no connection
    """

    zone: str = ""
    region: str = ""
    connection: int = 0


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds and what became of it. With problems nothing of it is kept.

    inside     rows of calls between extensions, and of legs that tell nothing new: left out
    outcomes   how many calls ended how; only of incoming ones
    """

    rows: int
    calls: int
    fresh: int
    known: int
    outgoing: int
    inside: int
    outcomes: dict[str, int]
    first: datetime | None
    last: datetime | None
    problems: list[asterisk.Problem]
    refused: int
    is_dry: bool


def hints_of(house: House, site: Site, given: dict[str, Any]) -> Hints:
    """What was said of a file; left out, the site's only exchange is taken for the one that wrote it.

    raises   UserError when it does not fit
    """
    zone, region, number = (str(given.get(name) or "").strip() for name in ("zone", "region", "connection"))
    if zone:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise UserError(
                "“%(value)s” is not a time zone.", "Write it like Europe/Warsaw.", value=zone[:40]
            ) from error
    if region and not (len(region) == 2 and region.isalpha() and region.isascii()):
        raise UserError("“%(value)s” is not a country.", "Write two letters, like PL.", value=region[:40])
    exchanges = {held.id: held for held in connections_of(house, site, "calls") if held.system == "asterisk"}
    if number not in ("", "0") and not (number.isdecimal() and int(number) in exchanges):
        raise UserError("There is no such exchange.", "Choose a connection to Asterisk of this site.", status=404)
    chosen = int(number) if number else next(iter(exchanges)) if len(exchanges) == 1 else 0
    own = exchanges[chosen].setting("region") if chosen else ""
    return Hints(zone=zone or site.zone, region=(region or own).upper(), connection=chosen)


def bring_in(house: House, site: Site, body: bytes, hints: Hints, is_dry: bool) -> Brought:
    """Read a file of call detail records and, unless it is a dry run or has problems, keep its calls.

    The whole file is read before anything is kept. The same file twice changes nothing.
    raises   UserError when it is no such file
    """
    began = time.perf_counter()
    with progress.part(0, 1 if is_dry else 0.3):
        facts, problems, rows = _read(body, hints)
    calls = store.joined(site, facts)
    known = store.known_of(house, site, [store.call_key(site, call) for call in calls])
    if not is_dry and not problems:
        progress.for_good()
        with progress.part(0.3, 1):
            store.record(house, site, facts, hints.region)
    _log.info(
        "calls.file_read", site=site.key, rows=rows, calls=len(calls), fresh=len(calls) - known,
        problems=len(problems), is_dry=is_dry, took_ms=round((time.perf_counter() - began) * 1000),
    )  # fmt: skip
    return Brought(
        rows=rows, calls=len(calls), fresh=len(calls) - known, known=known,
        outgoing=sum(f.direction == "out" for f in calls), inside=rows - len(facts) - len(problems),
        outcomes=dict(Counter(f.outcome for f in calls if f.direction == "in").most_common()),
        first=min((f.at for f in facts), default=None), last=max((f.at for f in facts), default=None),
        problems=problems[:MOST_PROBLEMS], refused=len(problems), is_dry=is_dry,
    )  # fmt: skip


def _read(body: bytes, hints: Hints) -> tuple[list[CallFact], list[asterisk.Problem], int]:
    """What the file says, its problems, and how many rows it has."""
    lines = _decoded(body).splitlines(keepends=True)
    if not any(line.strip() for line in lines):
        raise UserError("The file is empty.", "Take Master.csv, or export the table cdr with its header.")
    if len(lines) > MOST_ROWS:
        raise UserError("The file has more than 200,000 rows.", "Bring it in parts.")
    facts, problems, rows = list[CallFact](), list[asterisk.Problem](), 0
    for found in asterisk.records(lines, hints.zone):
        rows += 1
        progress.at(rows, len(lines))
        if isinstance(found, asterisk.Problem):
            problems.append(found)
        elif found is not None:
            facts.append(msgspec.structs.replace(found, ref=f"{hints.connection}:{found.ref}"))
    return facts, problems, rows


def _decoded(body: bytes) -> str:
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    if b"\0" in body[:4096]:
        raise UserError("This is no CSV file.", "Take Master.csv, or export the table cdr as CSV.")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def import_file(house: House, args: dict[str, Any], tell: Callable[[float, str], None]) -> dict[str, Any]:
    """Bring `args["file"]` into the site `args["site"]`; gives lines to print, and how many problems there were.

    raises   UserError when there is no such file or site, or it is no file of calls
    """
    path = Path(args["file"])
    if not path.is_file():
        raise UserError("%(path)s is not there.", "Check the path.", path=path)
    if path.stat().st_size > LARGEST_FILE:
        raise UserError("%(file)s is larger than 64 MB.", "Bring it in parts.", file=path.name)
    house.forget_sites()
    site = house.sites().get(args["site"])
    if site is None:
        raise UserError("There is no site “%(site)s”.", "`tandem site list` shows them.", site=args["site"])
    tell(0.0, f"reading {path.name}")
    told = bring_in(house, site, path.read_bytes(), hints_of(house, site, args), is_dry=bool(args.get("dry_run")))
    if told.problems:
        lines = [f"{path.name}, line {p.line}: {p}" for p in told.problems]
        return {"lines": [*lines, "Nothing was brought in."], "problems": told.refused}
    counts = f"{told.calls:,} calls in {told.rows:,} rows: {told.fresh:,} new, {told.known:,} known."
    more = f"{told.outgoing:,} of them to others; {told.inside:,} rows between extensions left out."
    end = ["Nothing was changed: this was a dry run."] if told.is_dry else []
    return {"lines": [counts, more, *end], "problems": 0}
