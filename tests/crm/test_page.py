"""What the page Deals claims: leads and won deals are counted apart wherever a filter may part them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from litestar.testing import TestClient

from tandem.accounts.model import Site
from tandem.attribution.routes import ROUTES as MONEY
from tandem.base import clock
from tandem.board.routes import ROUTES as BOARD
from tandem.core.context import Context
from tandem.crm import store
from tandem.crm.routes import ROUTES
from tandem.metrics.history import History
from tests.crm.test_store import fact
from tests.inside import opened_by_admin

OCTOBER = "period=2026-10-01..2026-10-31"


@pytest.fixture
def ingest(ctx: Context, site: Site) -> Iterator[TestClient[Any]]:
    """Three leads in talk, and of each a deal that was won; nothing was lost in that stage."""
    leads = [fact(str(n), "talk", kind="lead", pipeline="in") for n in (1, 2, 3)]
    won = [fact(str(n), "paid", parent=str(n), pipeline="out", amount=Decimal(100)) for n in (1, 2, 3)]
    store.record(ctx, site, 1, [*leads, *won, fact("4", "paid", pipeline="out", amount=Decimal(50))])
    store.record(ctx, site, 1, [fact("5", "no", pipeline="out", lost_reason="dear")])
    store.record(ctx, site, 1, [fact("6", "new", parent="1", pipeline="new")])
    with opened_by_admin(ctx, site, [*ROUTES, *BOARD, *MONEY]) as client:
        yield client


def answer_of(page: str) -> str:
    text = page.partition('<p class="answer">')[2].partition("</p>")[0]
    return " ".join(text.replace("<b>", "").replace("</b>", "").split())


@pytest.mark.parametrize(
    ("query", "leads", "won"),
    [
        ("", "5 leads, of which sales qualified 4.", "Deals: 6, of which won: 4, worth €350.00."),
        ("&f=stage:is:paid", "1 lead, of which sales qualified 1.", "Deals: 4, of which won: 4, worth €350.00."),
        ("&f=pipeline:is:out", "2 leads, of which sales qualified 1.", "Deals: 5, of which won: 4, worth €350.00."),
        ("&f=pipeline:is:new", "0 leads, of which sales qualified 0.", "Deals: 1, of which won: 0, worth €0.00."),
    ],
)
def test_won_deals_are_never_said_to_be_of_the_leads(ingest: TestClient[Any], query: str, leads: str, won: str) -> None:
    assert answer_of(ingest.get(f"/deals?{OCTOBER}{query}").text).startswith(f"{leads} {won}")


SOME = "Not final: the newest leads have not had time to close: about 25.0% of their sales are in."


@pytest.mark.parametrize("compare", ["none", "previous"])
def test_deals_of_leads_whose_sales_are_to_come_are_not_final(
    ingest: TestClient[Any], monkeypatch: pytest.MonkeyPatch, compare: str
) -> None:
    """The page said how many were won, and the rate of it, as if nothing more would come of these leads."""
    asked = f"{OCTOBER}&compare={compare}"
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 1, tzinfo=UTC))
    monkeypatch.setattr(History, "delays", lambda *_: [0.0] * 10 + [50.0] * 30)
    page = ingest.get(f"/deals?{asked}").text
    assert SOME in answer_of(page)
    for metric in ("crm.won", "crm.win_rate", "crm.revenue", "crm.leads"):
        tile = page.partition(f'data-figure="{metric}"')[2].partition("</article>")[0]
        assert ("about 25.0% of their sales are in" in tile) is (metric != "crm.leads"), metric
    file = ingest.get(f"/export?metrics=crm.leads,crm.won,crm.win_rate&{asked}")
    won, rate = (f"crm.{name} (about 25.0% of their sales are in)" for name in ("won", "win_rate"))
    assert file.text.splitlines()[0] == f"crm.leads,{won},{rate}"
    assert ingest.get(f"/api/metrics?metrics=crm.leads,crm.won&{asked}").json()["notes"] == [won]
    money = ingest.get(f"/money/export?conversion=won&{asked}").text.splitlines()[0].split(",")
    assert money[1] == "Credit (not final)" and "Cost (EUR)" in money
    monkeypatch.setattr(clock, "now", lambda: datetime(2027, 2, 1, tzinfo=UTC))
    assert "Not final" not in ingest.get(f"/deals?{asked}").text
    assert ingest.get(f"/export?metrics=crm.won&{asked}").text.splitlines()[0] == "crm.won"


def test_records_chosen_by_what_they_came_to_have_no_share_of_that(ingest: TestClient[Any]) -> None:
    rates = ("crm.win_rate", "crm.qualified_rate")
    for query in ("", "&f=pipeline:is:out"):
        page = ingest.get(f"/deals?{OCTOBER}{query}").text
        assert all(f'data-figure="{rate}"' in page for rate in rates) and ">Win rate</button>" in page
    for query in ("&f=stage:is:paid", "&f=lost_reason:is:dear"):
        page = ingest.get(f"/deals?{OCTOBER}{query}").text
        assert not any(f'data-figure="{rate}"' in page for rate in rates) and ">Win rate</button>" not in page
    by_reason = ingest.get(f"/deals?{OCTOBER}&sources=lost_reasons").text
    assert 'data-figure="crm.win_rate"' in by_reason and ">Win rate</button>" not in by_reason


def test_what_is_owed_is_one_list(ctx: Context, site: Site, ingest: TestClient[Any]) -> None:
    """There were five lists of at most twenty rows each, with no way to the others."""
    store.record(ctx, site, 1, [fact(f"w{n}", "paid", pipeline="out", amount=None) for n in range(12)])
    ctx.runner.look_again()

    def rows(page: str) -> int:
        return page.partition('id="owed"')[2].partition("</tbody>")[0].count('<tr><th scope="row"')

    page = ingest.get(f"/deals?{OCTOBER}&owed=unpriced").text
    assert rows(page) == 10 and "10 of 12 rows" in page and "Show all 12" in page
    part = ingest.get(f"/deals/owed?{OCTOBER}&owed=unpriced&owed.most=12&owed.sort=amount")
    assert rows(part.text) == 12 and "owed=unpriced" in part.headers["hx-replace-url"]
    file = ingest.get(f"/deals/owed?{OCTOBER}&owed=unpriced&format=csv").text.splitlines()
    assert file[0] == "To do,Side,Record,Channel,Created,Stage,Responsible,Amount" and len(file) == 13
    every = ingest.get(f"/deals/owed?{OCTOBER}&format=csv").text.splitlines()
    assert len(every) > len(file), "of all kinds"
    assert ingest.get(f"/deals/owed?{OCTOBER}&owed=nonsense").status_code == 200


def test_what_is_lost_is_no_open_value(ctx: Context, site: Site, ingest: TestClient[Any]) -> None:
    """The value "now in this stage" of lost deals looked like money to come; and pipelines were one list."""
    store.record(ctx, site, 1, [
        fact("l1", "no", pipeline="out", amount=Decimal(70)), fact("o1", "talk", pipeline="out", amount=Decimal(30)),
        fact("o2", "talk", pipeline="new", amount=Decimal(5)),
    ])  # fmt: skip
    ctx.runner.look_again()
    table = ingest.get(f"/deals?{OCTOBER}").text.partition('id="stages"')[2].partition("</table>")[0]
    groups = [group.partition("</tr>")[0] for group in table.split('<tr class="subhead">')[1:]]
    worth = {
        group.partition('colspan="4">')[2].partition("<")[0]: group.rpartition('<td class="num">')[2]
        for group in groups
    }
    assert {name.strip(): value.partition("<")[0] for name, value in worth.items()} == {
        "in · leads": "€0.00", "out · deals": "€30.00", "new · deals": "€5.00",
    }  # fmt: skip
    assert "€70.00" not in table
