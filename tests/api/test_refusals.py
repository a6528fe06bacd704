"""What a page's address asks for and cannot have: the page's frame stays, and so does the rest of the address."""

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from litestar.testing import TestClient

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.app import make_app
from tandem.core.auth import COOKIE
from tandem.core.context import Context


@pytest.fixture
def client(ctx: Context, site: Site) -> Iterator[TestClient[Any]]:
    with TestClient(make_app(ctx, runs_jobs=False), base_url="http://testserver.local") as client:
        signed_in = accounts.sign_in(ctx.database, "ola@fern.example", "a long password")
        assert signed_in is not None
        client.cookies.set(COOKIE, signed_in[1])
        yield client


@pytest.mark.parametrize(
    ("asked", "said", "back"),
    [
        ("/board?site=fern&period=2010-01-01..2026-01-01&f=channel:is:Direct", "longer than ten years",
         "/board?site=fern&f=channel%3Ais%3ADirect"),
        ("/board?site=fern&period=1999-01-01..1999-01-05&f=channel:is:Direct", "between the years 2000 and 2100",
         "/board?site=fern&f=channel%3Ais%3ADirect"),
        ("/traffic?site=fern&period=5d&compare=none", "“5d” is not a period", "/traffic?site=fern&compare=none"),
        ("/money?site=fern&window=500&f=channel:is:Direct", "1 to 90 days back",
         "/money?site=fern&f=channel%3Ais%3ADirect"),
        ("/board?site=fern&f=nonsense&period=7d", "“nonsense” is not a filter", "/board?site=fern&period=7d"),
    ],
)  # fmt: skip
def test_the_frame_stays_with_a_way_back_that_keeps_the_rest(
    client: TestClient[Any], asked: str, said: str, back: str
) -> None:
    page = client.get(asked)
    assert page.status_code == 400 and said in page.text
    assert '<nav class="side"' in page.text and "cannot be filtered by" not in page.text
    links = [html.unescape(link) for link in re.findall(r'class="button quiet" href="([^"]+)"', page.text)]
    assert "period=2010" not in page.text, "no page of the menu is asked for what was refused here"
    assert links == [back] and client.get(back).status_code == 200


def test_days_in_the_other_order_are_the_same_days(client: TestClient[Any]) -> None:
    client.follow_redirects = True
    page = client.get("/board?site=fern&first=2026-11-20&last=2026-11-10")
    assert page.status_code == 200 and "period=2026-11-10..2026-11-20" in html.unescape(page.text)


def test_who_may_not_is_told_so_in_the_frame(ctx: Context, site: Site, client: TestClient[Any]) -> None:
    accounts.add_user(ctx.database, site.workspace_id, "v@fern.example", "V", "viewer", "a long password")
    signed_in = accounts.sign_in(ctx.database, "v@fern.example", "a long password")
    assert signed_in is not None
    client.cookies.set(COOKIE, signed_in[1])
    page = client.get("/people")
    assert page.status_code == 403 and '<nav class="side"' in page.text and "/board?site=fern" in page.text


def test_programs_and_files_are_told_as_before(client: TestClient[Any]) -> None:
    assert client.get("/api/metrics?metrics=collect.visits&period=5d").json()["error"] == "“5d” is not a period."
    assert '<nav class="side"' not in client.get("/export?metrics=collect.visits&period=5d").text


@pytest.mark.parametrize(
    ("asked", "status", "error", "hint"),
    [
        ("metrics?figures=collect.visits", 400, "The parameter “metrics” is missing.", "Add metrics=… to the address."),
        ("metrics?metrics=collect.visits&most=abc", 400, "The value of “most” is not valid.", "Enter a whole number."),
        ("metrics?metrics=collect.visits&bots=x", 400, "The value of “bots” is not valid.", "Use true or false."),
        ("metrics?metrics=visits", 404, "There is no metric “visits”.", "Did you mean: collect.visits"),
        ("metrics?metrics=collect.vists", 404, "There is no metric “collect.vists”.", "Did you mean: collect.visits"),
        ("metrics?metrics=zzzz", 404, "There is no metric “zzzz”.", "See the full list on the Metrics page."),
        ("nope", 404, "There is no such address.", "See /api/openapi.json for the addresses of the API."),
        ("nope/there", 404, "There is no such address.", "See /api/openapi.json for the addresses of the API."),
    ],
)
def test_the_api_says_in_our_words_what_is_wrong_and_how_to_mend_it(
    client: TestClient[Any], asked: str, status: int, error: str, hint: str
) -> None:
    answer = client.get(f"/api/{asked}")
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["hint"].startswith(hint)
    assert client.get("/api/openapi.json").status_code == client.get("/api").status_code == 200


def test_a_page_says_in_our_words_that_a_value_is_not_valid(client: TestClient[Any]) -> None:
    page = client.get("/changes?days=abc")
    assert page.status_code == 400 and "The value of “days” is not valid." in page.text
    assert "Expected" not in page.text


def test_a_site_that_is_none_has_a_cure_that_helps(ctx: Context, site: Site, client: TestClient[Any]) -> None:
    """A viewer was sent to the Settings page to add one, which they may not."""
    accounts.add_user(ctx.database, site.workspace_id, "v@fern.example", "V", "viewer", "a long password")
    signed_in = accounts.sign_in(ctx.database, "v@fern.example", "a long password")
    assert signed_in is not None
    client.cookies.set(COOKIE, signed_in[1])
    page = client.get("/board?site=nope")
    assert page.status_code == 404 and "Use one of these: fern." in page.text and "add it" not in page.text


def test_an_address_that_is_no_page_is_told_in_the_users_language(
    ctx: Context, site: Site, client: TestClient[Any]
) -> None:
    signed_in = accounts.sign_in(ctx.database, "ola@fern.example", "a long password")
    assert signed_in is not None
    accounts.change_user(ctx.database, signed_in[0], language="ru")
    client.headers["accept-language"] = "de-DE,de;q=0.9,en;q=0.8"
    assert client.get("/account").status_code == 200
    for answer in (client.get("/nope"), client.post("/account/sessions"), client.get("/link/void")):
        assert answer.status_code in (404, 405, 410) and '<html lang="ru"' in answer.text
    accounts.change_user(ctx.database, signed_in[0], language="pl")
    client.get("/account")
    assert '<html lang="pl"' in client.get("/nope").text
