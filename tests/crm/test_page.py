"""What the page Deals claims: leads and won deals are counted apart wherever a filter may part them."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from litestar.testing import TestClient

from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.crm import store
from tandem.crm.routes import ROUTES
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
    with opened_by_admin(ctx, site, ROUTES) as client:
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


def test_records_chosen_by_what_they_came_to_have_no_share_of_that(ingest: TestClient[Any]) -> None:
    rates = ("crm.win_rate", "crm.qualified_rate")
    for query in ("", "&f=pipeline:is:out"):
        page = ingest.get(f"/deals?{OCTOBER}{query}").text
        assert all(f'data-figure="{rate}"' in page for rate in rates) and ">Win rate</th>" in page
    for query in ("&f=stage:is:paid", "&f=lost_reason:is:dear"):
        page = ingest.get(f"/deals?{OCTOBER}{query}").text
        assert not any(f'data-figure="{rate}"' in page for rate in rates) and ">Win rate</th>" not in page
    by_reason = ingest.get(f"/deals?{OCTOBER}&by=lost_reason").text
    assert 'data-figure="crm.win_rate"' in by_reason and ">Win rate</th>" not in by_reason
