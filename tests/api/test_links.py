"""Whoever clicks anything on any page, whatever their role, lens and filters, gets an answer.

Every page is opened with a filter of each area, roles, lenses and the area's dimensions in turn, so that each pair of
role, lens and area occurs; every link and every control that asks without a form is followed, once a shape.

It takes minutes, so it is run by name: `pytest tests/api/walk_links.py`. The list of the filter's field (/values) is
asked without its form here, which it refuses.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pytest
from litestar.testing import TestClient

from tandem.accounts import store as accounts
from tandem.accounts.guard import COOKIE, LENSES
from tandem.accounts.house import House
from tandem.accounts.permissions import Role
from tandem.app import make_app, parts_of_slices
from tandem.base.database import Database
from tandem.base.settings import Settings
from tandem.base.warehouse import Warehouse
from tandem.demo.seed import seed
from tandem.metrics.ask import Desk
from tandem.metrics.catalogue import DIMENSIONS
from tests.conftest import TABLES

PASSWORD = "a long password"
AREAS = {
    home: [name for name, dimension in DIMENSIONS.items() if dimension.home == home and not dimension.is_time]
    for home in sorted({dimension.home for dimension in DIMENSIONS.values()})
}
PARTLY = (Role.VIEWER, Role.AGENCY, Role.FINANCE)
"""Roles that some doors are closed to: what they are shown must be open to them, so they follow links of their own."""
HERE = "http://testserver.local"
SHAPE = re.compile(r"[0-9a-f]{16}|\d+")
TAGS = re.compile(r"<[^>]+>")
STATE = ("site", "period", "compare", "lens", "f", "bots")
"""What every link carries on: the pages themselves are opened with all of it."""


class Seen(HTMLParser):
    """What can be clicked on a page without filling in anything: links, and controls that ask the server."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.pages: set[str] = set()
        self.names: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.names.add(given.get("id", ""))
        address = given.get("href") if tag == "a" else None
        if tag == "a" and "title" in given and (address or "").startswith("/"):  # an entry of the menu
            self.pages.add(urlsplit(address or "").path)
        for found in (address, given.get("hx-get")):
            if found:
                self.links.append(found)


class World:
    """The running application, and somebody of each role."""

    def __init__(self, client: TestClient[Any], cookies: dict[str, str]) -> None:
        self.client, self._cookies = client, cookies
        self.wrong: list[str] = []
        self._followed: set[tuple[str, str]] = set()

    def open(self, role: str, address: str) -> str:
        """The page, or "" for what is no page; whatever goes wrong is noted."""
        self.client.cookies.clear()
        answer = self.client.get(address, headers={"cookie": f"{COOKIE}={self._cookies[role]}"}, follow_redirects=True)
        if answer.status_code >= 400:
            said = " ".join(TAGS.sub(" ", answer.text).split())[-200:]
            self.wrong.append(f"{role} {address}: {answer.status_code} {said}")
        return answer.text if "html" in answer.headers.get("content-type", "") else ""

    def follow_all(self, role: str, page: str, html: str) -> None:
        seen = Seen(html)
        for link in seen.links:
            address, _, anchor = link.partition("#")
            if not address and anchor and anchor not in seen.names:
                self.wrong.append(f"{page}: nothing is called #{anchor}")
            if not address or urlsplit(address).netloc or address.startswith(("mailto:", "tel:")):
                continue
            whole = urljoin(page, address)
            shape = _shape(whole)
            key = (role if role in PARTLY else "", shape)
            if key not in self._followed:
                self._followed.add(key)
                text = self.open(role, whole)
                if anchor and text and anchor not in Seen(text).names and "hx-get" not in link:
                    self.wrong.append(f"{page} -> {whole}: nothing is called #{anchor}")


def _shape(address: str) -> str:
    """An address without what only names one thing among its likes."""
    split = urlsplit(address)
    asked = {f"{name}={value if name == 'by' else ''}" for name, value in parse_qsl(split.query) if name not in STATE}
    return f"{SHAPE.sub('0', split.path)}?{'&'.join(sorted(asked))}"


@pytest.fixture(scope="module")
def world(shared_warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    for table in TABLES:
        shared_warehouse.do(f"truncate table {table}")
    folder: Path = tmp_path_factory.mktemp("links")
    database = Database(f"sqlite:///{folder / 'records.db'}")
    database.migrate()
    house = House(Settings(data=str(folder)), shared_warehouse, database)
    house.parts["desk"] = Desk(shared_warehouse)
    house.parts |= parts_of_slices()
    seed(house, events=1_500, days=4)
    cookies, workspace = {}, next(iter(house.sites().values())).workspace_id
    for role in Role:
        email = f"{role.value}@links.example"
        accounts.add_person(database, workspace, email, role.value, role.value, PASSWORD)
        found = accounts.sign_in(database, email, PASSWORD)
        assert found is not None
        cookies[role.value] = found[1]
    with TestClient(make_app(house, runs_jobs=False)) as client:
        yield World(client, cookies)


def test_every_link_and_control_leads_somewhere(world: World) -> None:
    roles, turn = [role.value for role in Role], 0
    menus = {role: _menu(world, role) for role in roles}
    pages = sorted({page for menu in menus.values() for page in menu})
    assert len(pages) > 12
    for page in pages:
        for kinds in [[""], *(AREAS[area] for area in _areas(turn))]:
            turn += 1
            kind = kinds[turn % len(kinds)]
            may = [role for role in roles if page in menus[role]]
            role, lens = may[turn % len(may)], LENSES[turn % len(LENSES)]
            asked = {"site": "fern", "lens": lens, "period": ("7d", "today", "30d")[turn // 3 % 3]}
            address = f"{page}?{urlencode(asked | ({'f': f'{kind}:is:x'} if kind else {}))}"
            world.follow_all(role, address, world.open(role, address))
    assert world.wrong == []


def _areas(turn: int, most: int = 3) -> list[str]:
    """Some areas that have dimensions, others with each page: all of them with all pages would take minutes."""
    areas = [area for area, names in AREAS.items() if names]
    return [areas[(turn + 3 * i) % len(areas)] for i in range(most)]


def _menu(world: World, role: str) -> list[str]:
    return sorted({*Seen(world.open(role, "/board")).pages, "/account"})


def test_a_filter_that_a_page_cannot_apply_is_shown_crossed_out_with_its_reason(world: World) -> None:
    html = world.open("marketing", "/money?site=fern&f=page:is:/cart&f=channel:is:Direct")
    assert "This page cannot be filtered by Page." in html and "<s>Page" in html
    assert html.count('class="chip off"') == 1
    html = world.open("viewer", "/board?site=fern&f=stage:is:won")
    assert "This page cannot be filtered by Stage." in html
    assert world.wrong == []
