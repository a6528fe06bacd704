"""Whoever clicks anything on any page, whatever their role, lens and filters, gets an answer.

Each page of the menu is opened by each role that may, so that every two of page, role, lens, period and kinds of filter
occur together; an address carries ten kinds of filter at a time. What a page links to is folded into how it is opened
the next time, if it is a page of the menu, or followed once a kind: a route with a parameter, filters, a role.
With TANDEM_TEST_LINKS=all each kind of filter stands alone.
"""

import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from html import unescape
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pytest
from litestar.testing import TestClient

from tandem.accounts import store as accounts
from tandem.accounts.permissions import Role
from tandem.app import SLICES, make_app
from tandem.base.config import Config
from tandem.base.database import Database
from tandem.base.warehouse import Warehouse
from tandem.core.auth import COOKIE, LENSES
from tandem.core.context import Context
from tandem.demo.seed import seed
from tandem.metrics.address import MOST_FILTERS
from tandem.metrics.ask import CachedRunner
from tandem.metrics.catalogue import DIMENSIONS, METRICS, needed
from tests.conftest import TABLES
from tests.routes import PAGES, ROUTES, UNLINKED, route_of

ALL = os.environ.get("TANDEM_TEST_LINKS") == "all"
KINDS = [name for name, dimension in DIMENSIONS.items() if not dimension.is_time]
TOGETHER = 1 if ALL else MOST_FILTERS - 2  # a link may add some
BATCHES = ((), *(tuple(KINDS[i : i + TOGETHER]) for i in range(0, len(KINDS), TOGETHER)))
PERIODS = ("7d", "today", "30d")
STATE = ("site", "period", "compare", "lens", "bots", "f")
"""What every link carries on: the pages themselves are opened with all of it."""
NOT_LINKED = {
    "/work/{name:str}": "asked for by scripts while work goes on",
    "/search": "asked for with what is typed into the search field",
    "/money/reports/{report_id:int}": "kept by hand, and the company of these tests has none: tests/attribution",
}
"""What no declaration of its route tells."""
ADDRESSES = {page.address for page in PAGES}
TAG = re.compile(r"<([a-z][a-z0-9]*)((?:\s[^<>]*)?)>")
ATTRIBUTE = re.compile(r"""([a-z-]+)=(?:"([^"]*)"|'([^']*)')""")
TAGS = re.compile(r"<[^>]+>")


class Control(NamedTuple):
    """Something to click: its address as written, and whether a part of the page asks for it."""

    address: str
    is_part: bool


class Seen:
    """What can be clicked on a page without filling in anything, and what its links may point at."""

    def __init__(self, html: str) -> None:
        self.controls: dict[Control, None] = {}  # in order
        self.menu: set[str] = set()
        self.names: set[str] = set()
        choosing = ""
        for tag, text in TAG.findall(html):
            given = {name: unescape(one or other) for name, one, other in ATTRIBUTE.findall(text)}
            self.names.add(given.get("id", ""))
            if tag == "a" and "href" in given:
                self.controls[Control(given["href"], False)] = None
                if "title" in given and given["href"].startswith("/"):
                    self.menu.add(urlsplit(given["href"]).path)
            if tag == "select":
                choosing = given.get("hx-get", "") if given.get("id") == "filter-by" else ""
            if tag == "option" and choosing:
                self.controls[Control(_with(choosing, by=given["value"]), True)] = None
            elif "hx-get" in given and tag != "select" and "hx-include" not in given:
                named = {given["name"]: ""} if "name" in given else {}
                self.controls[Control(_with(given["hx-get"], **named), True)] = None


def _with(address: str, **more: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(more)}" if more else address


class World:
    """The running application, and somebody of each role."""

    def __init__(self, client: TestClient[Any], cookies: dict[str, str]) -> None:
        self.client, self._cookies = client, cookies
        self.wrong: list[str] = []
        self.routes: set[str] = set()
        """The routes that were asked for."""
        self.choices: dict[str, dict[str, dict[str, str]]] = {}
        """page -> parameter -> kind of value -> a value that its links choose."""
        self._followed: set[tuple[Any, ...]] = set()
        self._followed_from: set[str] = set()
        """Pages outside the menu whose own links were followed."""
        self._names: dict[str, set[str]] = {}
        self._pointed_at: dict[tuple[str, str], str] = {}

    def open(self, role: str, address: str, is_part: bool = False, came_from: str = "") -> str:
        """The page, or "" for what is no page; whatever goes wrong is noted."""
        self.client.cookies.clear()
        headers = {"cookie": f"{COOKIE}={self._cookies[role]}"} | ({"hx-request": "true"} if is_part else {})
        answer = self.client.get(address, headers=headers, follow_redirects=True)
        self.routes |= {route_of(one.request.url.path) for one in (*answer.history, answer)}
        if answer.status_code >= 400:
            said = " ".join(TAGS.sub(" ", answer.text).split())[-200:]
            self.wrong.append(f"{role} {came_from} -> {address}: {answer.status_code} {said}")
        html = answer.text if "html" in answer.headers.get("content-type", "") else ""
        if html and not is_part and "<html" not in html:
            self.wrong.append(f"{came_from} -> {address}: a part of a page, opened by a link")
        if "<main" in html and not is_part and route_of(answer.request.url.path) not in ADDRESSES:
            self.wrong.append(f"{answer.request.url.path} is a page, and its route does not say so")
        return html

    def open_page(self, role: str, address: str, batch: tuple[str, ...], pages: Mapping[str, Collection[str]]) -> None:
        """Open a page of the menu and follow what it shows, unless its kind was followed before."""
        self._is_new(role, address, batch)
        self._follow(role, address, self.open(role, address), batch, pages)

    def _follow(
        self, role: str, address: str, html: str, batch: tuple[str, ...], pages: Mapping[str, Collection[str]]
    ) -> None:
        path, seen = urlsplit(address).path, Seen(html)
        self._names.setdefault(path, set()).update(seen.names)
        for control in seen.controls:
            whole, _, anchor = urljoin(address, control.address).partition("#")
            if urlsplit(whole).netloc or whole.startswith(("mailto:", "tel:")):
                continue
            target = urlsplit(whole).path
            if anchor and target in pages:
                self._pointed_at.setdefault((target, anchor), address)
            if target in pages and not control.is_part and role in pages[target]:
                self._choose(target, whole)
            elif self._is_new(role, whole, batch):
                text = self.open(role, whole, control.is_part, address)
                if anchor and text and anchor not in Seen(text).names:
                    self.wrong.append(f"{address} -> {whole}: nothing is called #{anchor}")
                if text and not control.is_part and route_of(target) not in self._followed_from:
                    self._followed_from.add(route_of(target))
                    self._follow(role, whole, text, batch, pages)

    def _choose(self, page: str, address: str) -> None:
        for name, value in _asked(address):
            self.choices.setdefault(page, {}).setdefault(name, {}).setdefault(_kind(name, value), value)

    def lost_anchors(self) -> list[str]:
        """Links to a part of a page of the menu that it never has."""
        return [
            f"{came_from} -> {page}: nothing is called #{anchor}"
            for (page, anchor), came_from in self._pointed_at.items()
            if anchor not in self._names.get(page, ())
        ]

    def _is_new(self, role: str, address: str, batch: tuple[str, ...]) -> bool:
        """Whether this kind of address has not been asked for yet: by this role, and with these filters."""
        path, query = urlsplit(address).path, urlsplit(address).query
        kinds = {value.partition(":")[0] for name, value in parse_qsl(query) if name == "f"}
        route, doors = route_of(path), needed(name for name in METRICS if name in f"{path}?{query}")
        keys: set[tuple[Any, ...]] = {
            ("role", role, route, doors),
            ("filters", route, doors, batch if kinds else ()),
            *(("name", route, name, _kind(name, value)) for name, value in _asked(address)),
            *(("kind", route, kind) for kind in kinds - set(batch)),
        }
        if "/{" in route and not re.search(r"/(?:[0-9a-f]{16}|\d+)(?=/|$)", path):
            keys.add(("path", path))
        is_new = not keys <= self._followed
        self._followed |= keys
        return is_new


def _asked(address: str) -> list[tuple[str, str]]:
    """What an address asks for beside the state that every link carries on."""
    return [pair for pair in parse_qsl(urlsplit(address).query, keep_blank_values=True) if pair[0] not in STATE]


def _kind(name: str, value: str) -> str:
    """What values of a parameter are alike in: numbers are, and figures of one view."""
    if name in ("figure", "figures"):
        return ",".join(sorted({getattr(METRICS[one], "view", one) for one in value.split(",") if one in METRICS}))
    return "0" if value.isdecimal() else value.partition(":")[0]


class Opening(NamedTuple):
    """One page as it is to be opened."""

    page: str
    role: str
    lens: str
    period: str
    batch: tuple[str, ...]
    op: str

    def address(self, choices: Mapping[str, str]) -> str:
        asked = [("site", "fern"), ("lens", self.lens), ("period", self.period), *choices.items()]
        return f"{self.page}?{urlencode([*asked, *(('f', f'{kind}:{self.op}:x') for kind in self.batch)])}"


def openings(menus: dict[str, Sequence[str]]) -> list[Opening]:
    """Each page by each role that may and with each batch of filters; the rest takes turns, and all pairs occur.

    A page asks about as many questions as there are batches: whoever asks one again has its answer at once.
    """
    found = []
    for p, page in enumerate(sorted({page for pages in menus.values() for page in pages})):
        may = [role for role, pages in menus.items() if page in pages]
        for i in range(max(len(may), len(BATCHES))):
            role, batch = may[i % len(may)], (i + p) % len(BATCHES)
            period, op = PERIODS[(batch + p) % 3], ("is_not", "is")[(batch + p) % 2]
            found.append(Opening(page, role, LENSES[(i + p // 3) % 3], period, BATCHES[batch], op))
    for pair in sorted(_pairs_wanted(menus) - _pairs_of(found), key=repr):  # what the turns have left out
        fixed = dict(pair)
        fits = (one for one in found if all(one[i] == value for i, value in fixed.items() if i < 2))
        page_and_role = next(fits)[:2]
        rest = [fixed.get(i, value) for i, value in enumerate(found[0])][2:]
        found.append(Opening(*page_and_role, *rest))
    return found


Pair = tuple[tuple[int, Any], ...]


def _pairs_of(found: list[Opening]) -> set[Pair]:
    return {pair for one in found for pair in combinations(enumerate(one[:5]), 2)}


def _pairs_wanted(menus: dict[str, Sequence[str]]) -> set[Pair]:
    """Each page with each role that may, and else each value of one kind with each of another."""
    pages = {(page, role) for role, shown in menus.items() for page in shown}
    wanted: set[Pair] = {pair for page, role in pages for pair in combinations(enumerate((page, role)), 2)}
    columns = (sorted({page for page, _ in pages}), list(menus), LENSES, PERIODS, BATCHES)
    for (i, ours), (j, theirs) in combinations(enumerate(columns), 2):
        if (i, j) != (0, 1):
            wanted |= {((i, one), (j, other)) for one in ours for other in theirs}
    return wanted


@pytest.fixture(scope="module")
def world(
    shared_warehouse: Warehouse, migrated_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    for table in TABLES:
        shared_warehouse.do(f"truncate table {table}")
    folder: Path = tmp_path_factory.mktemp("links")
    shutil.copy(migrated_file, folder / "records.db")
    database = Database(f"sqlite:///{folder / 'records.db'}")
    ctx = Context(Config(data=str(folder)), shared_warehouse, database, SLICES, CachedRunner(shared_warehouse))
    seed(ctx, events=1_500, days=4)
    cookies, workspace = {}, next(iter(ctx.sites().values())).workspace_id
    for role in Role:
        person = accounts.add_user(database, workspace, f"{role}@links.example", role.value, role, None)
        cookies[role.value] = accounts.open_session(database, person)
    with TestClient(make_app(ctx, runs_jobs=False)) as client:
        yield World(client, cookies)


@pytest.fixture(scope="module")
def menus(world: World) -> dict[str, Sequence[str]]:
    """What each role is shown in the menu."""
    return {role.value: sorted({*Seen(world.open(role, "/board")).menu, "/account"}) for role in Role}


@pytest.mark.skipif(ALL, reason="alone, each kind of filter meets each page, but not each role")
def test_the_pages_are_opened_so_that_all_pairs_occur(menus: dict[str, Sequence[str]]) -> None:
    lacking = _pairs_wanted(menus) - _pairs_of(openings(menus))
    assert lacking == set()


def test_every_link_and_control_leads_somewhere(world: World, menus: dict[str, Sequence[str]]) -> None:
    found = openings(menus)
    pages = {one.page: {role for role, shown in menus.items() if one.page in shown} for one in found}
    done: dict[str, set[tuple[str, str]]] = {page: set() for page in pages}

    def open_one(one: Opening) -> None:
        chosen = _next(world.choices.get(one.page, {}), done[one.page])
        world.open_page(one.role, one.address(chosen), one.batch, pages)

    for one in found:
        open_one(one)
    for one in {one.page: one for one in found if one.role == "admin"}.values():
        while _left(world.choices.get(one.page, {}), done[one.page]):
            open_one(one)
    assert not world.wrong + world.lost_anchors(), "\n".join(world.wrong + world.lost_anchors())
    assert sorted(set(ROUTES) - world.routes - UNLINKED) == sorted(NOT_LINKED), "pages that no link leads to"
    assert not world.routes & UNLINKED, "pages for somebody else"


def _left(choices: Mapping[str, Mapping[str, str]], done: set[tuple[str, str]]) -> dict[str, list[str]]:
    left = {name: [kind for kind in values if (name, kind) not in done] for name, values in choices.items()}
    return {name: kinds for name, kinds in left.items() if kinds}


def _next(choices: Mapping[str, Mapping[str, str]], done: set[tuple[str, str]]) -> dict[str, str]:
    """One value of each parameter that has not been chosen yet; a page takes any of its choices together."""
    kinds = {name: kinds[0] for name, kinds in _left(choices, done).items()}
    done |= set(kinds.items())
    return {name: choices[name][kind] for name, kind in kinds.items()}


def test_a_filters_field_suggests_values_of_whatever_its_page_offers(world: World) -> None:
    for by, value in (("stage", 'type="checkbox"'), ("ad_system", "google"), ("channel", "Direct")):
        assert value in world.open("admin", f"/values?site=fern&period=30d&by={by}", is_part=True)
    assert not world.wrong
    world.open("viewer", "/values?site=fern&by=stage", is_part=True)
    assert (
        "viewer" in world.wrong[0]
        and "403" in world.wrong[0]
        and "does not let you see leads and deals" in world.wrong[0]
    )
    world.wrong.clear()
