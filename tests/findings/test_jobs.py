"""Findings as metrics: written down when they have changed, and only then."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.words import MEMBERS
from tandem.core.context import Context
from tandem.core.query import Question
from tandem.findings import store
from tandem.findings.jobs import write_findings
from tandem.findings.model import Failure
from tandem.findings.tables import findings
from tests.conftest import ROOT

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY = date(2026, 11, 10)
RAISED, OPEN = "findings.raised", "findings.open"


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions go up although the clock stands still."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(clock, "now_ms", lambda: clock.to_ms(NOW))


def look(ctx: Context, site: Site, *subjects: str, **facts: Any) -> None:
    failures = [Failure(subject=s, title="It failed", first_on=DAY, last_on=DAY, **facts) for s in subjects]
    store.review(ctx.database, site, "reconcile", "excess", failures)


def told(ctx: Context, site: Site, *by: str) -> dict[Any, tuple[Any, Any]]:
    """Findings raised and still open, as the catalogue answers."""
    ctx.runner.look_again()
    question = Question(
        site=site.id, zone=site.zone, metrics=(RAISED, OPEN), by=by, since=NOW - timedelta(1), until=NOW + timedelta(1)
    )
    return {row.key: (row.metrics[RAISED], row.metrics[OPEN]) for row in ctx.runner.ask(question).rows}


def one_of(ctx: Context, site: Site, subject: str, state: str = "open") -> Any:
    return next(f for f in store.findings_of(ctx.database, site, states=(state,)) if f.subject == subject)  # type: ignore[arg-type]


def test_what_a_review_finds_is_published_with_all_that_splits_it(ctx: Context, site: Site) -> None:
    look(ctx, site, "/a", "/b", severity="high", side="engineering")
    assert told(ctx, site) == {(): (0, 0)}
    assert write_findings(ctx) == 1
    assert told(ctx, site, "area", "severity", "side") == {("reconcile", "high", "engineering"): (2, 2)}
    assert told(ctx, site, "hour") == {(NOW,): (2, 2)}


def test_what_becomes_of_findings_follows(ctx: Context, site: Site) -> None:
    look(ctx, site, "/a", "/b", "/c")
    write_findings(ctx)
    store.explain(ctx.database, site, one_of(ctx, site, "/a"), "Known.", 7)
    store.ignore(ctx.database, site, one_of(ctx, site, "/b"), "2026-12-31", 7)
    assert write_findings(ctx) == 1
    assert told(ctx, site)[()] == (3, 1)
    look(ctx, site)
    assert write_findings(ctx) == 1
    assert told(ctx, site)[()] == (3, 0)


def test_one_that_is_taken_away_disappears(ctx: Context, site: Site) -> None:
    """Opened again, an explained finding takes the place of the same one that was found meanwhile."""
    look(ctx, site, "/a", "/b")
    explained = one_of(ctx, site, "/a")
    store.explain(ctx.database, site, explained, "Known.", 7)
    look(ctx, site, "/a", "/b")
    write_findings(ctx)
    assert told(ctx, site)[()] == (3, 2)
    store.reopen(ctx.database, site, explained, 7)
    assert write_findings(ctx) == 1
    assert told(ctx, site)[()] == (2, 2)
    with ctx.database.write() as c:
        c.execute(delete(findings))
    assert write_findings(ctx) == 1
    assert told(ctx, site)[()] == (0, 0)


def test_nothing_is_written_when_nothing_has_changed(ctx: Context, site: Site) -> None:
    assert write_findings(ctx) == 0, "nor before the first finding"
    look(ctx, site, "/a")
    assert write_findings(ctx) == 1
    before = ctx.warehouse.value("select max(version) from finding_sets")
    look(ctx, site, "/a")
    assert write_findings(ctx) == 0
    assert ctx.warehouse.value("select max(version) from finding_sets") == before


def test_a_site_that_fails_keeps_no_other_waiting(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    other = accounts.add_site(ctx.database, site.workspace_id, "oak", "Oak", ["oak.example"], "UTC", "EUR", "cookie")
    look(ctx, site, "/a")
    look(ctx, other, "/a", "/b")
    ctx.forget_sites()
    facts_of = store.facts_of
    monkeypatch.setattr(store, "facts_of", lambda db, one: 1 / 0 if one.id == site.id else facts_of(db, one))
    with pytest.raises(ZeroDivisionError):
        write_findings(ctx)
    assert told(ctx, other)[()] == (2, 2)
    assert told(ctx, site)[()] == (0, 0)


def test_every_area_that_reviews_has_a_name_for_readers() -> None:
    files = (ROOT / "src" / "tandem").glob("*/**/*.py")
    areas = {path.parts[len(ROOT.parts) + 2] for path in files if re.search(r"findings\.review\(", path.read_text())}
    assert "reconcile" in areas
    assert {("area", area) for area in areas} <= MEMBERS.keys()
