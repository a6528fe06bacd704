"""Sentences of Traffic and Realtime claim only what the metric and the minutes that they speak of hold."""

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from litestar.testing import TestClient

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.formats import Formats
from tandem.base.translations import LANGUAGES
from tandem.board.routes import ROUTES
from tandem.core.context import Context
from tandem.metrics import ask, split_table
from tests.attribution.shop import START, Visit, put
from tests.inside import opened_by_admin

SPAN = "period=2026-10-11..2026-11-09&lens=marketing"
DAY = timedelta(days=1)
NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def ingest(ctx: Context, site: Site) -> Iterator[TestClient[Any]]:
    ctx.slices = ()  # visits are put past the collector, which would have known of hits
    with opened_by_admin(ctx, site, ROUTES) as client:
        yield client


def answer_of(page: str) -> str:
    text = page.partition('<p class="answer">')[2].partition("</p>")[0]
    return " ".join(text.replace("<b>", "").replace("</b>", "").split())


def test_what_was_0_in_a_measured_time_is_something_to_compare_with(ctx: Context, ingest: TestClient[Any]) -> None:
    """It said "nothing to compare with" of orders that rose from 0."""
    put(ctx.warehouse, [Visit(1, START, "Email"), Visit(2, START + 50 * DAY, "Email", orders=1, revenue=10)])
    page = ingest.get(f"/board?{SPAN}").text

    def went(metric: str) -> str:
        tile = page.partition(f'data-figure="{metric}"')[2].partition("</article>")[0]
        return tile.partition('<p class="went">')[2].partition("</p>")[0]

    assert went("collect.orders") == "<span>was 0</span>" and went("collect.visits") == "<span>was 0</span>"
    assert went("collect.average_order") == "<span>nothing to compare with</span>", "there is no average of no orders"
    assert "No clear change" not in answer_of(page)


def test_the_largest_channel_is_of_the_metric_that_is_shown(ctx: Context, site: Site, ingest: TestClient[Any]) -> None:
    visits = [Visit(n, START + 50 * DAY, "Email") for n in range(1, 4)]
    put(ctx.warehouse, [*visits, Visit(9, START + 50 * DAY, "Direct", orders=1, revenue=70)])
    assert "Largest channel: Email, 3." in answer_of(ingest.get(f"/traffic?{SPAN}").text)
    money = answer_of(ingest.get(f"/traffic?{SPAN}&figure=collect.revenue").text)
    assert "Largest channel: Direct, €70.00." in money and "Email" not in money
    share = answer_of(ingest.get(f"/traffic?{SPAN}&figure=collect.engagement_rate").text)
    assert "Largest channel" not in share, "a share is not parted among channels"
    one = answer_of(ingest.get(f"/traffic?{SPAN}&figure=collect.revenue&f=channel:is:Direct").text)
    assert "€70.00" in one and "Largest channel" not in one
    assert "Largest channel: Email, 3." in answer_of(ingest.get(f"/traffic?{SPAN}&f=action:is_not:call").text)


def seen(ctx: Context, site: Site, visitor: int, *views: tuple[float, str]) -> None:
    times = [NOW - timedelta(minutes=ago) for ago, _ in views]
    row = {
        "site": site.id, "visit": visitor, "visitor": visitor, "started": times[0], "ended": times[-1],
        "opened": times[0], "chain_started": times[0], "version": 1, "entry": views[0][1], "pageviews": len(views),
        "views.at": times, "views.path": [page for _, page in views], "views.status": [0] * len(views),
    }  # fmt: skip
    ctx.warehouse.insert("visit_rows", {name: [value] for name, value in row.items()})


def test_most_visitors_of_five_minutes_are_said_of_a_page_that_holds_them_then(
    ctx: Context, site: Site, ingest: TestClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)

    def answer() -> str:
        ctx.look_again()
        return answer_of(ingest.get("/realtime").text)

    for visitor in range(1, 7):
        seen(ctx, site, visitor, (20, "/"))
    seen(ctx, site, 10, (2, "/cart"))
    assert answer() == "1 visitor in the last five minutes.", "the page of the last half hour is not theirs"
    seen(ctx, site, 11, (3, "/"))
    assert answer() == "2 visitors in the last five minutes.", "one of two is not most"
    seen(ctx, site, 12, (3, "/"), (2, "/cart"))
    seen(ctx, site, 13, (1, "/cart"))
    assert answer() == "4 visitors in the last five minutes; more than half of them saw /cart."


def test_what_did_not_change_has_no_sign(ctx: Context, ingest: TestClient[Any]) -> None:
    """Calls said "6 calls (+0.0%)"."""
    put(ctx.warehouse, [Visit(n, START + day * DAY, "Email") for n, day in enumerate((0, 20, 50), 1)])
    answer = answer_of(ingest.get(f"/traffic?{SPAN}").text)
    assert answer.startswith("Visits: 1, about the same (was 1).")


def test_a_panel_names_the_formula_a_formula(ingest: TestClient[Any]) -> None:
    """It said "Outbound link", whose translations then were those of the formula."""
    panel = ingest.get(f"/explain/collect.bounce_rate?{SPAN}").text
    assert "<dt>Formula</dt>" in panel and "Outbound link" not in panel
    said = {
        lang: (Formats(lang).member("kind", "outbound"), Formats(lang).member("device", "bot")) for lang in LANGUAGES
    }
    assert said == {
        "en": ("Outbound link", "Bot"),
        "ru": ("Внешняя ссылка", "Робот"),
        "pl": ("Link wychodzący", "Robot"),
    }


def test_a_table_keeps_its_order_and_its_rows_and_the_address_says_so(
    ctx: Context, site: Site, ingest: TestClient[Any]
) -> None:
    put(ctx.warehouse, [Visit(n, START + 50 * DAY, "Email", term=f"t{n}") for n in range(1, 13)])

    def rows(page: str, table: str = "from") -> int:
        return page.partition(f'id="t-{table}"')[2].partition("</tbody>")[0].count('<tr><th scope="row"')

    def controls(page: str) -> list[str]:
        table = page.partition('id="t-from"')[2].partition('id="t-pages"')[0]
        return [unescape(found) for found in re.findall(r'(?:href|hx-get)="([^"]+)"', table)]

    page = ingest.get(f"/traffic?{SPAN}&from=keywords").text
    assert rows(page) == 10
    more = [link for link in controls(page) if "from.most=12" in link]
    assert [link.partition("?")[0] for link in more] == ["/traffic", "/traffic/table/keywords"]
    whole, part = (ingest.get(link.partition("#")[0]).text for link in more)
    assert rows(whole) == rows(part) == 12 and "<html" in whole
    by_visits = next(link for link in controls(part) if "from.sort=collect.visits" in link)
    now = f"http://test/traffic?{SPAN}&figure=collect.orders&pages=entries&pages.sort=collect.visits&from=keywords&from.search=s1"
    sorted_ = ingest.get(by_visits, headers={"hx-request": "true", "hx-current-url": now})
    assert rows(sorted_.text) == 12, "sorting shows no fewer rows"
    address = sorted_.headers["hx-replace-url"]
    kept = dict(parse_qsl(urlsplit(address).query))
    assert (kept["from"], kept["from.most"], kept["from.sort"]) == ("keywords", "12", "collect.visits")
    assert (kept["pages"], kept["pages.sort"]) == ("entries", "collect.visits"), "the other tables stay as they are"
    assert kept["figure"] == "collect.orders", "and so does the chart"
    assert "from.search" not in kept, "this one is as it was asked for"
    again = ingest.get(address).text
    assert rows(again) == 12 and 'aria-sort="descending"' in again


def test_a_very_long_table_says_that_there_are_more_rows(
    ctx: Context, site: Site, ingest: TestClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "MOST_ROWS", 13)
    monkeypatch.setattr(split_table, "MOST_SHOWN", 12)
    put(ctx.warehouse, [Visit(n, START + 50 * DAY, "Email", term=f"t{n}") for n in range(1, 16)])

    def tools(address: str) -> str:
        table = ingest.get(address).text.partition('id="t-from"')[2].partition('id="t-pages"')[0]
        last = table.rpartition('<div class="tools">')[2]
        return " ".join(unescape(re.sub("<[^>]+>", " ", last.partition("</div>")[0])).split())

    address = f"/traffic?{SPAN}&from=keywords"
    assert tools(address) == "10 of more than 13 rows Show the first 12"
    assert tools(f"{address}&from.most=100000") == "12 of more than 13 rows Show 10 rows"
    file = ingest.get(f"/traffic/table/keywords?{SPAN}&format=csv")
    assert file.text.splitlines()[0].startswith("Keywords (the 13 largest),Visitors,Visits")
    export = ingest.get(f"/export?{SPAN}&metrics=collect.visits&by=keyword".replace("keyword", "term"))
    assert export.text.splitlines()[0] == "term (the 13 largest by collect.visits),collect.visits"
    answer = ingest.get(f"/api/metrics?{SPAN}&metrics=collect.visits&by=term").json()
    assert (answer["is_cut"], answer["rows_total"]) == (True, 13)
    assert "term (the 13 largest by collect.visits)" in answer["notes"]


def test_the_file_of_a_table_holds_what_is_seen(ctx: Context, site: Site, ingest: TestClient[Any]) -> None:
    """It held other rows in another order under ids: a file was no proof of the page."""
    put(ctx.warehouse, [Visit(n, START + 50 * DAY, "Email", term=f"t{n}", revenue=n) for n in range(1, 13)])
    put(ctx.warehouse, [Visit(99, START + 50 * DAY, "Email", term="=1+1 t", revenue=5)])

    def lines(asked: str) -> list[list[str]]:
        answer = ingest.get(f"/traffic/table/keywords?{SPAN}&format=csv&{asked}")
        assert answer.headers["content-type"].startswith("text/csv")
        return list(csv.reader(answer.text.splitlines()))

    heads, *rows = lines("from.sort=label&from.way=up&from.search=t1")
    assert heads[:3] == ["Keywords", "Visitors", "Visits"] and heads[-1] == "Revenue (EUR)"
    assert [row[0] for row in rows] == ["t1", "t10", "t11", "t12"], "searched and sorted as on the page"
    assert [float(row[-1]) for row in rows] == [1, 10, 11, 12]
    assert len(lines("from.most=10")) == 14, "all rows, however many the page shows"
    assert "'=1+1 t" in [row[0] for row in lines("")], "no spreadsheet works it out"
    assert ingest.get(f"/traffic/table/keywords?{SPAN}&format=xml").status_code == 400
    assert ingest.get(f"/traffic/table/none?{SPAN}&format=csv").status_code == 404
