"""The page of changes: what was noted is seen, whenever it happened or will happen."""

import csv
import html
import io
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


def logged(ctx: Context, site: Site) -> None:
    """A small log: kinds, sources, authors and parts of the site, and letters of two scripts."""
    now = clock.now()
    for days, kind, title, author, scope, source in (
        (2, "deploy", "Релиз корзины", "marta", "/cart", "github"),
        (3, "outage", "Site does not answer", "monitoring", "whole site", "api"),
        (4, "content", "New post", "hanna", "/journal/*", "manual"),
        (200, "deploy", "Old release", "olek", "/cart/pay", "github"),
    ):
        change = Change(
            at=now - timedelta(days=days), kind=kind, title=title, author=author, scope=scope, source=source,
            note="Ends at noon" if kind == "outage" else "",
        )  # fmt: skip
        store.add(ctx.database, site, change)


def titles(page: str) -> list[str]:
    return re.findall(r'<li id="change-.*?<b>(.*?)</b>', page, re.S)


FILTERED = (
    ("kind=deploy", ["Релиз корзины"]),
    ("kind=deploy&kind=content", ["Релиз корзины", "New post"]),
    ("kind=deploy&days=84000", ["Релиз корзины", "Old release"]),
    ("source=api&source=manual", ["Site does not answer", "New post"]),
    ("who=hanna", ["New post"]),
    ("part=CART", ["Релиз корзины"]),
    ("q=КОРЗИНЫ", ["Релиз корзины"]),
    ("q=noon+answer", ["Site does not answer"]),
    ("q=noon&kind=deploy", []),
)


@pytest.mark.parametrize(("query", "wanted"), FILTERED)
def test_the_log_is_filtered_by_its_address(
    ctx: Context, site: Site, browser: Browser, query: str, wanted: list[str]
) -> None:
    logged(ctx, site)
    page = browser.get(f"/changes?site=fern&{query}").text
    assert titles(page) == wanted
    assert ("No change matches the filters." in page) == (not wanted)


def test_days_of_ones_own_are_both_included_whichever_comes_first(ctx: Context, site: Site, browser: Browser) -> None:
    logged(ctx, site)
    first, last = ((clock.now() - timedelta(days=days)).astimezone(site.tz).date() for days in (4, 3))
    for query in (f"first={first}&last={last}", f"first={last}&last={first}"):
        page = browser.get(f"/changes?site=fern&{query}").text
        assert titles(page) == ["Site does not answer", "New post"] and "2 changes in these days" in page
    assert titles(browser.get(f"/changes?site=fern&last={first}").text) == ["New post", "Old release"]


@pytest.mark.parametrize("query", ["kind=party", "first=2026-02-30", "last=1950-01-01", "days=many"])
def test_what_the_log_cannot_be_asked_for_is_refused(browser: Browser, query: str) -> None:
    assert browser.get(f"/changes?site=fern&{query}").status_code == 400


def test_each_condition_is_a_chip_that_is_taken_away_alone(ctx: Context, site: Site, browser: Browser) -> None:
    logged(ctx, site)
    page = browser.get("/changes?site=fern&kind=deploy&kind=outage&q=cart&days=30").text
    chips = page.partition('<ul class="chips bare"')[2].partition("</ul>")[0]
    links = {label: link for link, label in re.findall(r'<a href="([^"]*)" aria-label="([^"]*)"', chips)}
    assert {label: html.unescape(link).partition("?")[2] for label, link in links.items()} == {
        "Remove “Deploy”": "site=fern&kind=outage&q=cart&days=30",
        "Remove “Outage”": "site=fern&kind=deploy&q=cart&days=30",
        "Remove “cart”": "site=fern&kind=deploy&kind=outage&days=30",
    }


def test_a_change_that_is_noted_among_filters_is_seen(ctx: Context, site: Site, browser: Browser) -> None:
    logged(ctx, site)
    here = {"hx-current-url": "https://fern.example/changes?site=fern&kind=deploy"}
    both = browser.post("/changes?site=fern", data={"title": "Release 8", "kind": "deploy", "at": ""}, headers=here)
    assert titles(both.text) == ["Release 8", "Релиз корзины"], "the filters stay"
    other = browser.post("/changes?site=fern", data={"title": "New prices", "kind": "price", "at": ""}, headers=here)
    assert titles(other.text)[0] == "New prices" and len(titles(other.text)) == 5


def test_the_file_holds_what_is_seen_with_heads_in_words(ctx: Context, site: Site, browser: Browser) -> None:
    logged(ctx, site)
    page = browser.get("/changes?site=fern&kind=outage&kind=content").text
    link = html.unescape(re.findall(r'href="(/changes/export[^"]*)"', page)[0])
    rows = list(csv.reader(io.StringIO(browser.get(link).text)))
    assert rows[0] == ["When", "Kind", "Change", "Who", "Affected pages", "Source", "Note", "Link"]
    assert [row[1:7] for row in rows[1:]] == [
        ["Outage", "Site does not answer", "monitoring", "whole site", "API", "Ends at noon"],
        ["Content", "New post", "hanna", "/journal/*", "Added by hand", ""],
    ]


def test_who_may_not_export_is_not_offered_the_file(ctx: Context, site: Site) -> None:
    accounts.add_user(ctx.database, site.workspace_id, "vera@fern.example", "Vera", "viewer", "a long password")
    with opened(ctx, site, ROUTES, "vera@fern.example") as browser:
        assert "/changes/export" not in browser.get("/changes?site=fern").text


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
