"""Ads of which no report is known did not cost nothing: what pages say while a report is missing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tandem.accounts.model import Site
from tandem.ads import store
from tandem.ads.routes import ROUTES
from tandem.base import clock
from tandem.core.context import Context
from tandem.core.query import Filter, Question, Value
from tests.ads.conftest import Bring, table
from tests.inside import opened_by_admin

FIRST = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 10
HAND = "date,campaign,impressions,clicks,cost,currency\n"


@pytest.fixture
def visits(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each day three visits by a click id of Google's and two by one of Microsoft's."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 25, 12, tzinfo=UTC))
    came = [
        (FIRST + timedelta(days=day, hours=10 + n), "gclid" if n < 3 else "msclkid")
        for day in range(DAYS) for n in range(5)
    ]  # fmt: skip
    n, times = len(came), [at for at, _ in came]
    ctx.warehouse.insert(
        "visit_rows",
        {"site": [site.id] * n, "visit": list(range(n)), "visitor": list(range(n)), "started": times, "ended": times,
         "opened": times, "chain_started": times, "version": [1] * n, "channel": ["Paid Search"] * n,
         "source": ["google" if click == "gclid" else "bing" for _, click in came], "medium": ["cpc"] * n,
         "click": [click for _, click in came], "pageviews": [1] * n, "entry": ["/"] * n},
    )  # fmt: skip


def report(cost: str) -> str:
    return table("\n".join(f"2026-10-{day:02d} brand 100 10 {cost}" for day in range(1, DAYS + 1)))


@pytest.fixture
def reports(visits: None, bring: Bring) -> tuple[store.AdImport, store.AdImport]:
    """One a day is 3 euros for Google, 1 euro for Microsoft."""
    google, microsoft = (
        bring(report("3.00"), system="google"),
        bring(report("1.00").replace("Day,", "Date,").replace("Cost", "Spend"), system="microsoft"),
    )
    assert (google.state, microsoft.state) == ("loaded", "loaded"), (google.problems, microsoft.problems)
    return google, microsoft


def asked(ctx: Context, site: Site, by: str = "", where: tuple[Filter, ...] = ()) -> dict[Any, tuple[Value, ...]]:
    names = ("ads.cost", "ads.clicks", "ads.visits", "ads.reported_visits", "ads.cost_per_visit")
    ctx.look_again()
    question = Question(
        site=site.id, zone=site.zone, metrics=names, since=FIRST, until=FIRST + timedelta(days=30),
        by=(by,) if by else (), where=where,
    )  # fmt: skip
    return {row.key[0] if by else "": tuple(row.metrics[n] for n in names) for row in ctx.runner.ask(question).rows}


def test_cost_per_visit_rests_on_visits_whose_cost_is_known(
    ctx: Context, site: Site, reports: tuple[store.AdImport, store.AdImport]
) -> None:
    assert asked(ctx, site) == {"": (40.0, 200, 50, 50, pytest.approx(0.8))}
    store.undo(ctx, site, reports[0])
    assert asked(ctx, site) == {"": (10.0, 100, 50, 20, pytest.approx(0.5))}, "it said 0.20"
    assert asked(ctx, site, "ad_system") == {
        "microsoft": (10.0, 100, 20, 20, pytest.approx(0.5)),
        "google": (None, None, 30, 0, None),
    }


def test_without_any_report_nothing_is_known_of_the_cost(
    ctx: Context, site: Site, reports: tuple[store.AdImport, store.AdImport]
) -> None:
    google = (Filter("ad_system", "is", ("google",)),)
    store.undo(ctx, site, reports[0])
    assert asked(ctx, site, where=google) == {"": (None, None, 30, 0, None)}
    store.undo(ctx, site, reports[1])
    assert asked(ctx, site) == {"": (None, None, 50, 0, None)}


def answer_of(page: str) -> str:
    text = page.partition('<p class="answer">')[2].partition("</p>")[0]
    return " ".join(text.replace("<b>", "").replace("</b>", "").split())


def test_the_page_says_for_how_many_visits_the_cost_is_known(
    ctx: Context, site: Site, reports: tuple[store.AdImport, store.AdImport]
) -> None:
    """It said that the cost of Microsoft brought the visits of Google too, and that Google was free."""
    address = "/ads?period=2026-10-01..2026-10-30&cost=systems&lens=engineering"
    with opened_by_admin(ctx, site, ROUTES) as browser:
        assert answer_of(browser.get(address).text).startswith("Ads cost €40.00 for 50 paid visits.")
        store.undo(ctx, site, reports[0])
        page = browser.get(address).text
    assert answer_of(page).startswith("Known ad cost: €10.00, for 20 of 50 paid visits.")
    assert "60.0% of the paid visits have no known cost." in answer_of(page)
    row = page.partition(">Google Ads</a>")[2].partition("</tr>")[0]
    assert row.count("€") == 0
    assert row.count("—") == 6


def test_a_cost_is_not_compared_with_one_that_is_known_in_part(
    ctx: Context, site: Site, visits: None, bring: Bring
) -> None:
    """Taking back costs by hand of the days before alone made "+93%" of "+74%": nobody had spent more."""
    portal = [(FIRST + timedelta(days=day, hours=12 + n)) for day in range(DAYS) for n in range(5)]
    n = len(portal)
    ctx.warehouse.insert(
        "visit_rows",
        {"site": [site.id] * n, "visit": list(range(900, 900 + n)), "visitor": list(range(900, 900 + n)),
         "started": portal, "ended": portal, "opened": portal, "chain_started": portal, "version": [1] * n,
         "channel": ["Display"] * n, "source": ["portal"] * n, "medium": ["banner"] * n, "campaign": ["brand"] * n,
         "click": [""] * n, "pageviews": [1] * n, "entry": ["/"] * n},
    )  # fmt: skip
    bring(report("3.00"), system="google")
    hand = [
        bring(HAND + "".join(f"2026-10-{day:02d},brand,10,1,1.00,EUR\n" for day in days), system="other")
        for days in (range(1, 6), range(6, 11))
    ]
    assert [one.state for one in hand] == ["loaded"] * 2, [one.problems for one in hand]
    page = "/ads?period=2026-10-08..2026-10-10"
    with opened_by_admin(ctx, site, ROUTES) as browser:
        assert "in one of the two periods" not in browser.get(page).text
        store.undo(ctx, site, hand[0])
        ctx.look_again()
        assert "of the paid visits in one of the two periods" in browser.get(page).text
