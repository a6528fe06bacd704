"""The page of the first hour: only a human's visit is celebrated, and closes the step."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from litestar.testing import TestClient

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.collect.start import ROUTES, steps
from tandem.core.context import House
from tests.inside import opened_by_admin


@pytest.fixture
def door(house: House, site: Site) -> Iterator[TestClient[Any]]:
    accounts.add_person(house.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    with opened_by_admin(house, site, ROUTES) as client:
        yield client


def visited(house: House, site: Site, visit: int, minutes_ago: int, page: str, **more: Any) -> None:
    at = clock.now() - timedelta(minutes=minutes_ago)
    row = {
        "site": site.id, "visit": visit, "visitor": visit, "started": at, "ended": at, "opened": at,
        "chain_started": at, "version": 1, "entry": page, "pageviews": 1, "host": "fern.example",
        "views.at": [at], "views.path": [page], "views.status": [0], **more,
    }  # fmt: skip
    house.warehouse.insert("visit_rows", {name: [value] for name, value in row.items()})


def is_done(house: House, site: Site) -> bool:
    return next(s.is_done for s in steps(house, site) if s.id == "hit")


def test_a_robot_is_named_and_the_step_stays_open_until_a_human_comes(
    house: House, site: Site, door: TestClient[Any]
) -> None:
    visited(house, site, 1, 5, "/robotic", bot="other", bot_name="HeadlessChrome")
    for path in ("/start", "/start/now"):
        page = door.get(path).text
        assert "It works" not in page and "Waiting for the first visit." in page
        assert "A robot (HeadlessChrome) opened /robotic" in page and "does not count as a visit" in page
    assert not is_done(house, site)

    visited(house, site, 2, 9, "/human", host="xn--e1afmkfd.xn--p1ai")
    page = door.get("/start/now").text
    assert "It works: the site is counted." in page and "/human" in page, "the human's, though the robot came later"
    assert "robot" not in page.lower() and "This visit began on пример.рф" in page
    assert is_done(house, site)


def test_old_visits_of_robots_are_no_visits(house: House, site: Site, door: TestClient[Any]) -> None:
    visited(house, site, 1, 60 * 48, "/", bot="search", bot_name="Googlebot")
    assert "Waiting for the first visit." in door.get("/start/now").text
    visited(house, site, 2, 60 * 48, "/")
    assert "Visits have been counted before" in door.get("/start/now").text
