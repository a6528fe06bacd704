"""The page of changes: what was noted is seen, whenever it happened or will happen."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.changes import store
from tandem.changes.model import Change, Effect
from tandem.changes.routes import ROUTES
from tandem.core.context import Context
from tests.inside import opened, opened_by_admin

Browser = TestClient[Litestar]


@pytest.fixture
def browser(ctx: Context, site: Site) -> Iterator[Browser]:
    with opened_by_admin(ctx, site, ROUTES) as client:
        yield client


def noted(browser: Browser, title: str, days: int) -> str:
    at = (clock.now() + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")
    answer = browser.post("/changes?site=fern", data={"title": title, "kind": "deploy", "at": at})
    assert answer.status_code in (200, 201), answer.text
    return answer.text


@pytest.mark.parametrize("days", [-2000, -1, 5, 400])
def test_what_was_noted_is_seen_at_once(browser: Browser, days: int) -> None:
    assert "<b>Release 7</b>" in noted(browser, "Release 7", days)


def test_what_is_planned_is_no_change_yet(browser: Browser) -> None:
    noted(browser, "Yesterday", -1)
    page = noted(browser, "Next week", 6)
    assert "1 change in the last 120 days; the latest: Yesterday" in page and "1 change is planned." in page
    assert "<b>Next week</b>" in browser.get("/changes?site=fern").text


def test_everything_is_what_was_ever_noted(browser: Browser) -> None:
    noted(browser, "Of old", -9000)
    assert "<b>Of old</b>" not in browser.get("/changes?site=fern").text
    assert "1 change in total; the latest: Of old" in browser.get("/changes?site=fern&days=84000").text


@pytest.mark.parametrize("at", ["2999-01-01T10:00", "1970-06-01T10:00", "0001-01-01T00:00"])
def test_a_year_that_no_change_has_is_told(browser: Browser, at: str) -> None:
    answer = browser.post("/changes?site=fern", data={"title": "x", "kind": "deploy", "at": at})
    assert answer.status_code == 400 and "The year must be between 1971 and 2200." in answer.text


def test_a_list_that_is_cut_claims_no_count_of_all(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST", 3)
    monkeypatch.setattr(store.between, "__defaults__", (3,))
    for n in range(4):
        noted(browser, f"Release {n}", -n - 1)
    page = browser.get("/changes?site=fern").text
    assert "Latest 3 changes; the latest: Release 0" in page and "changes in the last" not in page


def test_what_a_change_did_stands_beneath_it_for_whoever_may_read_the_metric(ctx: Context, site: Site) -> None:
    accounts.add_user(ctx.database, site.workspace_id, "vera@fern.example", "Vera", "viewer", "a long password")
    change = store.add(ctx.database, site, Change(at=clock.now(), kind="deploy", title="Faster pages"))
    told = {"change_id": change.id, "method": "series", "share": 0.14, "low": 0.06, "high": 0.23,
            "first_on": date(2026, 11, 11), "last_on": date(2026, 11, 24)}  # fmt: skip
    for metric, label, needs in (("collect.visits", "Visits", "metrics.read"), ("ads.cost", "Ad cost", "money.read")):
        store.keep_effect(ctx.database, site, Effect(metric=metric, label=label, needs=needs, **told))  # type: ignore[arg-type]
    pages = []
    for email in ("ola@fern.example", "vera@fern.example"):
        with opened(ctx, site, ROUTES, email) as browser:
            pages.append(browser.get("/changes?site=fern").text)
    assert all("Measured, 11–24 Nov 2026: Visits +14% (range: +6.0% to +23%)" in page for page in pages)
    assert ["Ad cost +14%" in page for page in pages] == [True, False]


def test_a_removal_offers_to_be_undone_at_once_and_later(browser: Browser) -> None:
    number = re.search(r'id="change-(\d+)"', noted(browser, "Release 7", -1))
    assert number
    at = f"/changes/{number[1]}"
    page = browser.post(f"{at}/remove?site=fern").text
    assert "“Release 7” was removed from the log." in page and f'id="change-{number[1]}"' not in page
    assert page.count(f'action="{at}/restore?site=fern"') == 2, "beside the news, and in the list of what was removed"
    assert '<input type="hidden" name="csrf" value="x">' in page, "who has no scripts sends the proof as a field"
    later = browser.get("/changes?site=fern").text
    assert "1 change removed in the last 30 days" in later and later.count(f"{at}/restore") == 2
    page = browser.post(f"{at}/restore?site=fern").text
    assert f'id="change-{number[1]}"' in page and "removed" not in page
    assert browser.post(f"{at}/restore?site=fern").status_code == 404
