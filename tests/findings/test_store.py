"""A failed check has a life: seen, explained, ignored for a while, fixed, come back."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.findings import store
from tandem.findings.model import Failure, Finding, Value

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY = date(2026, 11, 10)


@pytest.fixture
def db(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    at(monkeypatch, NOW)
    return any_database


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(clock, "now", lambda: moment)


@pytest.fixture
def site(db: Database) -> Site:
    workspace = accounts.make_workspace(db, "Fern")
    return accounts.add_site(db, workspace, "fern", "Fern", ["f.example"], "Europe/Warsaw", "EUR", "cookie")


def failed(subject: str = "/a", last: date = DAY, severity: str = "medium", **facts: object) -> Failure:
    return Failure(
        subject=subject, title="%(page)s has no title", first_on=DAY, last_on=last, severity=severity,  # type: ignore[arg-type]
        values={"page": Value(text=subject)}, evidence={"page": subject}, address="/site", **facts,  # type: ignore[arg-type]
    )  # fmt: skip


def look(db: Database, site: Site, *failures: Failure, rule: str = "title") -> int:
    return store.review(db, site, "site", rule, failures)


def all_of(db: Database, site: Site) -> list[Finding]:
    return sorted(store.findings_of(db, site, "site", ("open", "explained", "ignored", "fixed")), key=lambda f: f.id)


def test_what_fails_is_one_finding_however_often_it_is_seen(
    db: Database, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look(db, site, failed(money=Decimal("0.10"), needs=["metrics.read"])) == 1
    at(monkeypatch, NOW + timedelta(hours=1))
    assert look(db, site, failed(last=DAY + timedelta(1))) == 1
    (found,) = all_of(db, site)
    assert (found.first_seen_at, found.last_seen_at) == (NOW, NOW + timedelta(hours=1))
    assert (found.state, found.first_on, found.last_on, found.times) == ("open", DAY, DAY + timedelta(1), 1)
    assert (found.money, found.needs, found.values["page"].text) == (None, [], "/a")  # as the last look says


def test_money_comes_back_as_it_was(db: Database, site: Site) -> None:
    look(db, site, failed(money=Decimal("0.10")))
    assert str(all_of(db, site)[0].money) == "0.10"


def test_what_is_not_seen_any_more_is_fixed_and_can_come_back(db: Database, site: Site) -> None:
    look(db, site, failed("/a"), failed("/b"))
    assert look(db, site, failed("/b")) == 1
    assert {f.subject: f.state for f in all_of(db, site)} == {"/a": "fixed", "/b": "open"}
    look(db, site, failed("/a"), failed("/b"))
    assert [(f.state, f.times, f.has_come_back) for f in all_of(db, site) if f.subject == "/a"] == [
        ("fixed", 1, False), ("open", 2, True),
    ]  # fmt: skip


def test_a_look_speaks_only_of_what_it_judged_and_of_its_own_rule(db: Database, site: Site) -> None:
    look(db, site, failed("/a"), failed("/b"))
    look(db, site, failed("/a"), rule="speed")
    store.review(db, site, "site", "title", [], lambda one: one.subject == "/a")
    assert {(f.rule, f.subject): f.state for f in all_of(db, site)} == {
        ("title", "/a"): "fixed", ("title", "/b"): "open", ("speed", "/a"): "open",
    }  # fmt: skip
    other = accounts.add_site(db, site.workspace_id, "oak", "Oak", ["o.example"], "UTC", "EUR", "cookie")
    look(db, other)
    assert store.findings_of(db, other) == [] and len(store.findings_of(db, site)) == 2


def test_an_explained_one_stays_explained_until_it_is_opened_again(db: Database, site: Site) -> None:
    look(db, site, failed())
    (found,) = all_of(db, site)
    with pytest.raises(UserError, match="empty"):
        store.explain(db, site, found, " ", 7)
    store.explain(db, site, found, "The page is a stub.", 7)
    with pytest.raises(UserError, match="no longer open"):
        store.explain(db, site, found, "Again.", 7)
    look(db, site)
    assert [(f.state, f.note, f.settled_by) for f in all_of(db, site)] == [("explained", "The page is a stub.", 7)]
    look(db, site, failed(last=DAY + timedelta(9)))  # its rule saw it anew: a second one beside the explained one
    assert [f.state for f in all_of(db, site)] == ["explained", "open"]
    store.reopen(db, site, found, 7)
    assert [(f.state, f.note) for f in all_of(db, site)] == [("open", "")]  # and they are one again
    with pytest.raises(UserError, match="already open"):
        store.reopen(db, site, found, 7)
    acts = [entry.act for entry in accounts.audit_log(db, site.workspace_id)]
    assert acts[:2] == ["finding.reopened", "finding.explained"]


def test_an_ignored_one_sleeps_until_its_day_begins_where_the_site_is(
    db: Database, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(db, site, failed())
    (found,) = all_of(db, site)
    for day, why in (("2026-11-20", "has already started"), ("soon", "not a day"), ("9999-12-31" * 2, "not a day")):
        with pytest.raises(UserError, match=why):
            store.ignore(db, site, found, day, 7)
    store.ignore(db, site, found, "2026-11-25", 7)
    assert look(db, site, failed()) == 0 and store.findings_of(db, site) == []
    at(monkeypatch, datetime(2026, 11, 24, 22, 59, tzinfo=UTC))
    assert look(db, site, failed()) == 0
    at(monkeypatch, datetime(2026, 11, 24, 23, tzinfo=UTC))  # midnight in Warsaw
    assert look(db, site, failed()) == 1
    (woken,) = all_of(db, site)
    assert (woken.id, woken.state, woken.ignored_until, woken.times) == (found.id, "open", None, 1)


def test_an_ignored_one_that_is_no_longer_seen_is_fixed(db: Database, site: Site) -> None:
    look(db, site, failed())
    store.ignore(db, site, all_of(db, site)[0], "2026-12-31", 7)
    look(db, site)
    assert [f.state for f in all_of(db, site)] == ["fixed"]


def test_two_looks_at_once_make_one_finding(db: Database, site: Site) -> None:
    for n in range(8):
        barrier, errors = Barrier(2), list[Exception]()

        def run(subject: str = f"/{n}", barrier: Barrier = barrier, errors: list[Exception] = errors) -> None:
            barrier.wait()
            try:
                look(db, site, failed(subject), rule=subject)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                errors.append(error)

        threads = [Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
    assert len(all_of(db, site)) == 8


def test_open_and_severe_ones_are_not_hidden_by_newer_ones(db: Database, site: Site) -> None:
    look(db, site, failed("/high", severity="high"), rule="first")
    look(db, site, *(failed(f"/{n}", severity="low") for n in range(120)))
    assert store.findings_of(db, site)[0].subject == "/high"
    for one in store.findings_of(db, site, most=200)[1:]:
        store.explain(db, site, one, "Known.", 7)
    shown = store.findings_of(db, site, states=("open", "explained"))
    assert (len(shown), shown[0].subject, shown[0].state) == (100, "/high", "open")


def test_the_severest_come_first(db: Database, site: Site) -> None:
    look(db, site, failed("/low", severity="low"), failed("/high", severity="high"), failed("/medium"))
    assert [f.subject for f in store.findings_of(db, site)] == ["/high", "/medium", "/low"]


def test_a_finding_of_another_site_or_area_is_not_there(db: Database, site: Site) -> None:
    look(db, site, failed())
    (found,) = all_of(db, site)
    assert store.finding_of(db, site, found.id, "site").id == found.id
    with pytest.raises(UserError, match="no such finding"):
        store.finding_of(db, site, found.id, "reconcile")
