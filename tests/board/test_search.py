"""What the search finds of the site itself, and what each lens shows."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from litestar.testing import TestClient

from tandem.accounts.model import Site
from tandem.base.database import Database
from tandem.board.model import CHARTED, GROUP_ORDER, TABLE_GROUPS
from tandem.board.routes import ROUTES
from tandem.changes import store as changes
from tandem.changes.model import Change
from tandem.core.context import Context
from tandem.metrics.catalogue import METRICS
from tests.attribution.shop import START, Visit, put
from tests.inside import opened_by_admin

SPAN = "period=2026-10-11..2026-11-09"


@pytest.fixture
def ingest(ctx: Context, site: Site) -> Iterator[TestClient[Any]]:
    ctx.slices = ()
    put(ctx.warehouse, [
        Visit(1, START + timedelta(days=50), "Email", term="<b>fern</b> 100%", revenue=5, orders=1),
        Visit(2, START + timedelta(days=50), "Email", term="oak_tree"),
    ])  # fmt: skip
    for title in ("50% off <script>", "Oak_sale ÄRGER", "Распродажа"):
        changes.add(ctx.database, site, Change(at=START + timedelta(days=40), kind="campaign", title=title))
    with opened_by_admin(ctx, site, ROUTES) as client:
        yield client


def found(client: TestClient[Any], words: str) -> list[str]:
    page = client.get("/search", params={"q": words, "period": "2026-10-11..2026-11-09"})
    assert page.status_code == 200 and "<script" not in page.text and "<b>fern" not in page.text
    return [unescape(name) for name in re.findall(r'<span title="([^"]*)"', page.text)]


def test_keywords_and_changes_are_found_by_what_is_typed(ingest: TestClient[Any]) -> None:
    assert found(ingest, "FERN") == ["<b>fern</b> 100%"]
    assert found(ingest, "oak_") == ["oak_tree", "Oak_sale ÄRGER"], "a sign of the database's own patterns is a sign"
    assert found(ingest, "0%") == ["<b>fern</b> 100%", "50% off <script>"]
    assert found(ingest, "РАСПРОД") == ["Распродажа"] and found(ingest, "ärger") == ["Oak_sale ÄRGER"]
    assert found(ingest, "script") == ["50% off <script>"]
    assert found(ingest, "x" * 5000) == [] and found(ingest, "o") == [] and found(ingest, "") == []


def test_a_change_that_is_found_leads_to_the_log_of_its_day(ingest: TestClient[Any]) -> None:
    page = ingest.get(f"/search?{SPAN}&q=script").text
    day = (START + timedelta(days=40)).date()
    assert f"first={day}&amp;last={day}#change-" in page


def test_what_is_found_nowhere_is_said(ingest: TestClient[Any]) -> None:
    assert "data-none" in ingest.get(f"/search?{SPAN}&q=zzz").text
    assert "data-none" not in ingest.get(f"/search?{SPAN}&q=fern").text


def test_changes_of_another_site_are_not_found(database: Database, ctx: Context, site: Site) -> None:
    changes.add(ctx.database, site, Change(at=START, kind="campaign", title="Secret"))
    assert [c.title for c in changes.titled(ctx.database, site, "secret", 5)] == ["Secret"]
    other = type(site)(**{name: getattr(site, name) for name in site.__struct_fields__} | {"id": site.id + 1})
    assert changes.titled(ctx.database, other, "secret", 5) == []


def tiles(page: str) -> list[str]:
    return re.findall(r'data-figure="([^"]+)"', page)


def test_the_executives_board_is_six_tiles_of_the_same_values(ingest: TestClient[Any]) -> None:
    pages = {lens: ingest.get(f"/board?{SPAN}&lens={lens}").text for lens in ("marketing", "engineering", "executive")}
    assert len(tiles(pages["executive"])) == 6
    assert sorted(tiles(pages["marketing"])) == sorted(tiles(pages["engineering"])), "both sides share one board"

    def value(lens: str, metric: str) -> str:
        return (
            pages[lens]
            .partition(f'data-figure="{metric}"')[2]
            .partition('<p class="value')[2]
            .partition("</p>")[0]
            .replace(lens, "")
        )

    for metric in tiles(pages["executive"]):
        assert value("executive", metric) == value("marketing", metric), metric


def test_traffic_reads_otherwise_by_each_lens(ingest: TestClient[Any]) -> None:
    seen = set()
    for lens, order in GROUP_ORDER.items():
        assert sorted(order) == sorted(TABLE_GROUPS)
        page = ingest.get(f"/traffic?{SPAN}&lens={lens}").text
        groups = re.findall(r'<section aria-labelledby="q-(\w+)"', page)
        assert tuple(groups) == order
        assert f'<h2 id="chart-title">{METRICS[CHARTED[lens]].label},' in page
        heads = page.partition('id="t-from"')[2].partition("</thead>")[0]
        seen.add(tuple(re.findall(r"from\.sort=([\w.]+)", heads)))
    assert len(seen) == 3, "each has columns of its own"
    assert 'aria-label="Lens"' in page and 'aria-label="Lens"' not in ingest.get(f"/realtime?{SPAN}").text


def test_visits_that_bought_nothing_are_no_missing_data(ingest: TestClient[Any]) -> None:
    """The executive's first look at a site without orders said that there was no data, and showed the script."""
    page = ingest.get(f"/traffic?{SPAN}&lens=executive&f=term:is:oak_tree").text
    answer = page.partition('<p class="answer">')[2].partition("</p>")[0]
    assert "<b>€0.00</b>" in answer and "no data" not in answer and "#script" not in answer
