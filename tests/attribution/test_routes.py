"""The page over HTTP: choices in the address, exports, the panel, a report kept and read again."""

import csv
import io
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from tandem.accounts.model import Site
from tandem.attribution import store
from tandem.attribution.routes import ROUTES
from tandem.core.context import House
from tests.attribution.shop import put
from tests.attribution.test_questions import VISITS
from tests.inside import opened_by_admin

SPAN = "period=2026-10-11..2026-11-09"
Door = TestClient[Litestar]


@pytest.fixture
def door(house: House, site: Site) -> Iterator[Door]:
    put(house.warehouse, VISITS)
    with opened_by_admin(house, site, ROUTES) as client:
        yield client


def rows(door: Door, query: str) -> dict[str, dict[str, Any]]:
    answer = door.get(f"/money/export?{SPAN}&format=json&{query}")
    assert answer.status_code == 200, answer.text
    return {row["value"]: row for row in answer.json()}


def test_the_answer_stands_above_everything(door: Door) -> None:
    page = door.get(f"/money?{SPAN}&model=first").text
    assert "Paid Search brought" in page
    assert "<b>75.0%</b>" in page
    assert "of 4 conversions (Orders) and €150.00" in page
    assert "9 Nov 2026" in page


def test_choices_in_the_address_choose(door: Door) -> None:
    assert rows(door, "model=last")["Paid Search"]["credit"] == 2.0
    assert rows(door, "model=first")["Paid Search"]["credit"] == 3.0
    assert set(rows(door, "split=source")) == {"paid search", "email", "direct"}
    short = rows(door, "model=first&window=1")
    assert (short["Paid Search"]["credit"], short["Email"]["credit"]) == (2.0, 1.0)
    assert set(rows(door, "f=channel:is:Email&model=linear")) == {"Paid Search", "Email", "Direct"}
    assert rows(door, "f=channel:is:Email&model=last")["Direct"]["credit"] == 2.0


def test_an_export_refuses_a_filter_that_does_not_fit_and_the_page_links_to_one_that_does(door: Door) -> None:
    refused = door.get(f"/money/export?{SPAN}&f=page:is:/cart", headers={"accept": "application/json"})
    assert refused.status_code == 400
    assert refused.json()["error"] == "This export cannot be filtered by Page."
    page = door.get(f"/money?{SPAN}&f=page:is:/cart&f=channel:is:Email").text
    link = unescape(page[page.index("/money/export") :].partition('"')[0])
    assert "channel" in link and "page%3A" not in link
    assert door.get(link).status_code == 200


def test_an_export_is_a_table_that_no_spreadsheet_runs(door: Door) -> None:
    answer = door.get(f"/money/export?{SPAN}&model=shapley")
    assert answer.headers["content-disposition"].endswith('-money-channel-shapley-2026-10-11-2026-11-09.csv"')
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert sum(float(row["credit"]) for row in found) == pytest.approx(4)
    assert sum(float(row["by_markov"]) for row in found) == pytest.approx(4, abs=1e-4)
    assert door.get(f"/money/export?{SPAN}&format=xml").status_code == 400


def test_what_is_this_shows_the_question_as_run(door: Door) -> None:
    panel = door.get(f"/money/explain?{SPAN}&window=14").text
    assert "from {facts:Identifier}" in panel
    assert "<code>conversion_facts</code>" in panel
    assert "<code>14</code>" in panel


def test_a_kept_report_shows_then_and_now(door: Door, house: House, site: Site) -> None:
    kept = door.post(f"/money/reports?{SPAN}&model=linear", data={"name": "Board meeting"})
    assert kept.headers["hx-redirect"] == "/money/reports/1?site=fern"
    page = door.get("/money/reports/1?site=fern").text
    assert "What was reported in “Board meeting”?" in page
    assert "The same question has the same answer today." in page
    house.warehouse.do("alter table visit_rows delete where visitor = 2 settings mutations_sync = 1")
    house.runner.look_again()
    page = door.get("/money/reports/1?site=fern").text
    assert "The same question has another answer today" in page
    assert "−2" in page
    assert store.report_of(house.database, site, 1).result.conversions == 4.0
    assert "Board meeting" in door.get("/money").text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("model=guess", "is not a model"), ("window=ten", "is not a whole number"), ("window=91", "1 to 90 days"),
        ("conversion=goal:77", "no conversion"), ("split=visitor", "cannot be split"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(door: Door, query: str, said: str) -> None:
    answer = door.get(f"/money?{query}", headers={"accept": "application/json"})
    assert answer.status_code in (400, 404)
    assert said in answer.json()["error"]


def test_a_filter_that_money_cannot_apply_stays_crossed_out_and_the_page_shows(door: Door) -> None:
    answer = door.get("/money?f=page:is:/x&f=channel:is:Direct")
    assert answer.status_code == 200
    assert "This page cannot be filtered by Page." in answer.text and answer.text.count('class="chip off"') == 1
