"""Findings of a site: brought in line with what rules see, explained and ignored by users, written down for metrics."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, case, delete, func, insert, select, update

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.accounts.tables import sites
from tandem.base import clock
from tandem.base.database import Database, wait_for_turn
from tandem.base.errors import UserError
from tandem.base.texts import short_text
from tandem.base.warehouse import Step, Warehouse, questions_in, steps_of
from tandem.findings.model import Fact, Failure, Finding, State
from tandem.findings.tables import findings as f

HERE = Path(__file__).parent
SQL = questions_in(HERE / "sql")
LONGEST_NOTE, LONGEST_SUBJECT = 2000, 600
MOST_SHOWN = 100
STANDING = ("open", "ignored")
_SEVEREST = {"high": 0, "medium": 1, "low": 2}


def schema() -> list[Step]:
    """The tables and views of findings in the event store."""
    return steps_of("findings", HERE / "schema")


def findings_of(
    db: Database, site: Site, slice: str = "", states: Sequence[State] = ("open",), most: int = MOST_SHOWN
) -> list[Finding]:
    """Findings of a site, of one slice or of all: the open ones first, of these the severest, then the newest."""
    of_slice = (f.c.slice == slice,) if slice else ()
    query = select(f).where(f.c.site_id == site.id, f.c.state.in_(states), *of_slice)
    order = (case((f.c.state == "open", 0), else_=1), case(_SEVEREST, value=f.c.severity), f.c.id.desc())
    with db.read() as c:
        return [_finding(row) for row in c.execute(query.order_by(*order).limit(most)).mappings()]


def open_needs(db: Database, site: Site) -> list[list[str]]:
    """The permissions that each open finding of a site needs, of all of them: so many may somebody see."""
    query = select(f.c.needs).where(f.c.site_id == site.id, f.c.state == "open")
    with db.read() as c:
        return list(c.execute(query).scalars())


def finding_of(db: Database, site: Site, number: int, slice: str) -> Finding:
    """One finding of a site and slice.

    raises   UserError (404) when there is none
    """
    query = select(f).where(f.c.id == number, f.c.site_id == site.id, f.c.slice == slice)
    with db.read() as c:
        row = c.execute(query).mappings().first()
    if row is None:
        raise UserError("There is no such finding.", "Reload the page.", status=404)
    return _finding(row)


def review(
    db: Database, site: Site, slice: str, rule: str, failures: Iterable[Failure],
    is_judged: Callable[[Finding], bool] = lambda _: True,
) -> int:  # fmt: skip
    """Bring the findings of a rule in line with what it sees now; returns how many of them are open.

    failures    all that fail now, one for each subject
    is_judged   which of the rule's findings this look could have seen again; others stay as they are
    """
    now, seen = clock.now(), {failure.subject[:LONGEST_SUBJECT]: failure for failure in failures}
    of_rule = (f.c.site_id == site.id, f.c.slice == slice, f.c.rule == rule)
    with db.write() as c:
        wait_for_turn(c, sites, site.id)  # a request and a job may look in the same moment
        rows = c.execute(select(f).where(*of_rule, f.c.state.in_(STANDING))).mappings()
        standing = {one.subject: one for one in map(_finding, rows)}
        counts = c.execute(select(f.c.subject, func.count()).where(*of_rule).group_by(f.c.subject))
        times: dict[str, int] = dict(counts.tuples().all())
        for subject, failure in seen.items():
            values = {**_columns(failure), "last_seen_at": now}
            if (before := standing.pop(subject, None)) is None:
                c.execute(insert(f).values(**values, **_life(site, slice, rule, now, times.get(subject, 0) + 1)))
            else:
                c.execute(update(f).where(f.c.id == before.id).values(**values, **_woken(before, now)))
        for one in filter(is_judged, standing.values()):
            c.execute(update(f).where(f.c.id == one.id).values(state="fixed"))
        return c.execute(select(func.count()).where(*of_rule, f.c.state == "open")).scalar_one()


def _life(site: Site, slice: str, rule: str, now: datetime, times: int) -> dict[str, Any]:
    return {
        "site_id": site.id, "slice": slice, "rule": rule, "first_seen_at": now, "times": times, "state": "open",
        "ignored_until": None, "settled_by": None, "settled_at": None, "note": "",
    }  # fmt: skip


def _woken(one: Finding, now: datetime) -> dict[str, Any]:
    is_over = one.state == "ignored" and one.ignored_until is not None and one.ignored_until <= now
    return {"state": "open", "ignored_until": None} if is_over else {}


def explain(db: Database, site: Site, finding: Finding, text: str, by: int) -> None:
    """Keep a user's explanation of a finding; in the audit log.

    raises   UserError when the explanation is empty, or the finding is not open
    """
    text = short_text(text, "note", LONGEST_NOTE)
    if not text:
        raise UserError("The explanation is empty.", "Explain the difference in one sentence.").at("note")
    values = {"state": "explained", "settled_by": by, "settled_at": clock.now(), "note": text}
    with db.write() as c:
        _settle(c, finding, values)
        note(c, site.workspace_id, by, "finding.explained", f"{finding.slice} {finding.subject}", note=text)


def ignore(db: Database, site: Site, finding: Finding, day: str, by: int) -> None:
    """Put a finding off until a day of the site begins; in the audit log.

    raises   UserError when it is no day, or one that has begun, or the finding is not open
    """
    try:
        until = datetime.combine(date.fromisoformat(day.strip()), time(), site.tz).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UserError("“%(value)s” is not a day.", ("Use the format 2026-12-31."), value=day[:20]).at(
            "until"
        ) from error
    if until <= clock.now():
        raise UserError("This day has already started.", "Choose a later one.").at("until")
    values = {"state": "ignored", "ignored_until": until, "settled_by": by, "settled_at": clock.now()}
    with db.write() as c:
        _settle(c, finding, values)
        note(c, site.workspace_id, by, "finding.ignored", f"{finding.slice} {finding.subject}", until=day.strip())


def _settle(c: Connection, finding: Finding, values: dict[str, Any]) -> None:
    if not c.execute(update(f).where(f.c.id == finding.id, f.c.state == "open").values(**values)).rowcount:
        raise UserError("This finding is no longer open.", "Reload the page.", status=409)


def reopen(db: Database, site: Site, finding: Finding, by: int) -> None:
    """Take an explanation back, or end ignoring; in the audit log.

    The same failure may have been found again on other days: it is one finding again, which the next look makes whole.
    raises   UserError when it is neither explained nor ignored
    """
    is_settled = (f.c.id == finding.id, f.c.state.in_(("explained", "ignored")))
    values = {"state": "open", "ignored_until": None, "settled_by": None, "settled_at": None, "note": ""}
    same = (f.c.site_id == site.id, f.c.slice == finding.slice, f.c.rule == finding.rule, f.c.id != finding.id)
    with db.write() as c:
        c.execute(delete(f).where(*same, f.c.subject == finding.subject, f.c.state.in_(STANDING)))
        if not c.execute(update(f).where(*is_settled).values(**values)).rowcount:
            raise UserError("This finding is already open.", "Reload the page.", status=409)
        note(c, site.workspace_id, by, "finding.reopened", f"{finding.slice} {finding.subject}")


def _columns(failure: Failure) -> dict[str, Any]:
    facts = {name: getattr(failure, name) for name in Failure.__struct_fields__}
    return {
        **facts, "subject": failure.subject[:LONGEST_SUBJECT], "values": msgspec.to_builtins(failure.values),
        "money": None if failure.money is None else str(failure.money),
    }  # fmt: skip


def _finding(row: RowMapping) -> Finding:
    return msgspec.convert({name: row[name] for name in Finding.__struct_fields__}, Finding, strict=False)


# ── written down for the metrics of the catalogue ──


class WrittenSet(msgspec.Struct, frozen=True, kw_only=True):
    """Which findings of a site were written down last."""

    site: int
    version: int
    digest: int


def facts_of(db: Database, site: Site) -> list[Fact]:
    """What metrics know of all findings of a site, in the order of their ids."""
    columns = (f.c.first_seen_at, f.c.slice, f.c.rule, f.c.severity, f.c.side, f.c.state)
    with db.read() as c:
        return [Fact(*row) for row in c.execute(select(*columns).where(f.c.site_id == site.id).order_by(f.c.id))]


def written_sets(warehouse: Warehouse) -> dict[int, WrittenSet]:
    """What was written down last, by site."""
    return {one.site: one for one in warehouse.rows(SQL["written_sets"], WrittenSet)}


def write_set(warehouse: Warehouse, site: Site, facts: Sequence[Fact], digest: int, version: int) -> None:
    """Write down all findings of a site in place of those of `version`, which readers see until then."""
    lists = {name: [[getattr(fact, name) for fact in facts]] for name in Fact._fields}
    version = clock.version_after(version, clock.now_ms())
    warehouse.insert("finding_sets", {"site": [site.id], "version": [version], "digest": [digest], **lists})
