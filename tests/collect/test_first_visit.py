"""The page of the first hour: only a human's visit is celebrated, and closes the step."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from litestar.testing import TestClient

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.collect import start
from tandem.collect.start import ROUTES, steps
from tandem.core.context import Context
from tandem.core.first_steps import first_steps
from tests.inside import opened_by_admin


@pytest.fixture
def ingest(ctx: Context, site: Site) -> Iterator[TestClient[Any]]:
    accounts.add_user(ctx.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    with opened_by_admin(ctx, site, ROUTES) as client:
        yield client


def visited(ctx: Context, site: Site, visit: int, minutes_ago: int, page: str, **more: Any) -> None:
    at = clock.now() - timedelta(minutes=minutes_ago)
    row = {
        "site": site.id, "visit": visit, "visitor": visit, "started": at, "ended": at, "opened": at,
        "chain_started": at, "version": 1, "entry": page, "pageviews": 1, "host": "fern.example",
        "views.at": [at], "views.path": [page], "views.status": [0], **more,
    }  # fmt: skip
    ctx.warehouse.insert("visit_rows", {name: [value] for name, value in row.items()})


def is_done(ctx: Context, site: Site) -> bool:
    return next(s.is_done for s in steps(ctx, site) if s.id == "hit")


def test_a_robot_is_named_and_the_step_stays_open_until_a_human_comes(
    ctx: Context, site: Site, ingest: TestClient[Any]
) -> None:
    visited(ctx, site, 1, 5, "/robotic", bot="other", bot_name="HeadlessChrome")
    for path in ("/start", "/start/now"):
        page = ingest.get(path).text
        assert "It works" not in page and "Waiting for the first visit." in page
        assert "A bot (HeadlessChrome) opened /robotic" in page and "does not count as a visit" in page
    assert not is_done(ctx, site)

    visited(ctx, site, 2, 9, "/human", host="xn--e1afmkfd.xn--p1ai")
    page = ingest.get("/start/now").text
    assert ("It works: visits are being counted.") in page and "/human" in page, (
        "the human's, though the robot came later"
    )
    assert "A bot (" not in page and "This visit began on пример.рф" in page
    assert is_done(ctx, site)


@pytest.mark.parametrize("path", ["/start", "/start/now"])
def test_the_list_is_never_behind_the_note(
    ctx: Context, site: Site, ingest: TestClient[Any], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def seen_while_it_comes(*asked: Any) -> Any:
        steps_so_far = first_steps(*asked)
        visited(ctx, site, 1, 1, "/human")
        return steps_so_far

    monkeypatch.setattr(start, "first_steps", seen_while_it_comes)
    assert "It works" not in ingest.get(path).text, "the list does not know of it yet"
    assert "It works" in ingest.get(path).text


def test_old_visits_of_robots_are_no_visits(ctx: Context, site: Site, ingest: TestClient[Any]) -> None:
    visited(ctx, site, 1, 60 * 48, "/", bot="search", bot_name="Googlebot")
    assert "Waiting for the first visit." in ingest.get("/start/now").text
    visited(ctx, site, 2, 60 * 48, "/")
    assert "Visits were counted before" in ingest.get("/start/now").text


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080 can be reached only from this machine or your own network."),
        (
            "https://tandem.internal",
            "https://tandem.internal can be reached only from this machine or your own network.",
        ),
        ("http://tandem.example.com", "The address of this Tandem, http://tandem.example.com, does not use https."),
        ("https://tandem.example.com", ""),
    ],
)
def test_an_address_that_the_site_cannot_load_from_is_told_beside_the_script(
    ctx: Context, site: Site, ingest: TestClient[Any], monkeypatch: pytest.MonkeyPatch, base: str, said: str
) -> None:
    monkeypatch.setattr(type(ctx.config), "base_url", base)
    page = ingest.get("/start").text
    assert f"{base}/t/tandem.js" in page
    assert said in page and ("TANDEM_URL" in page) == bool(said)
    accounts.change_site(ctx.database, site, hosts=["localhost"])
    ctx.forget_sites()
    assert "TANDEM_URL" not in ingest.get("/start").text, "a site on this machine is served by this machine"


def test_every_guide_says_where_the_picture_goes_and_none_puts_it_into_the_head(ingest: TestClient[Any]) -> None:
    page = ingest.get("/start").text
    script = page.partition('id="script"')[2].partition("</section>")[0]
    guides = re.findall(r"<summary>.*?</svg>([^<]+)</summary><ol.*?>(.*?)</ol>", script, re.DOTALL)
    assert len(guides) == 6
    assert [name for name, steps in guides if "icture for visitors without" not in steps] == []
    assert "pixel.gif" not in script.partition("<details")[0]
    assert "pixel.gif" in script.partition('id="picture"')[2]
