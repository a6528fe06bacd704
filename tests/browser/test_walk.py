"""The whole way, for real: a person walks the shop in Chromium, and the visit stands in every report."""

import itertools
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright

from tandem.accounts import store as accounts
from tandem.base.database import Database
from tandem.collect import store
from tandem.demo.shop import Shop, serve_shop
from tests import forked
from tests.browser.chromium import ARGS, CHROMIUM
from tests.served import started

pytestmark = pytest.mark.browser
PATIENCE_S = 20
PHONE = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Mobile Safari/537.36"
)


class Server(NamedTuple):
    """A Tandem that serves several sites."""

    url: str
    token: str
    folder: Path
    process: forked.Forked


class Running(NamedTuple):
    """One site of it that nobody has visited, and the shop in front."""

    url: str
    shop: Shop
    site: str
    token: str

    def ask(self, metrics: str, **more: str) -> list[dict[str, Any]]:
        answer = httpx.get(
            f"{self.url}/api/metrics", params={"metrics": metrics, "period": "today", "site": self.site, **more},
            headers={"authorization": f"Bearer {self.token}"},
        )  # fmt: skip
        answer.raise_for_status()
        rows: list[dict[str, Any]] = answer.json()["rows"]
        return rows

    def total(self, metric: str, **more: str) -> Any:
        return self.ask(metric, **more)[0]["metrics"][metric]

    def until(self, metric: str, wanted: float, **more: str) -> Any:
        """The figure, as soon as it is what is wanted or patience ends."""
        deadline = time.monotonic() + PATIENCE_S
        while (value := self.total(metric, **more)) != wanted and time.monotonic() < deadline:
            time.sleep(0.1)
        return value


SITES = ("fern", "oak", "ash")
_unvisited = itertools.cycle(SITES)


@pytest.fixture(scope="module")
def server(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = Path(shutil.copytree(migrated, tmp_path_factory.mktemp("walk") / "data", symlinks=True))
    db = Database(f"sqlite:///{folder / 'records.db'}")
    workspace = accounts.make_workspace(db, "Fern")
    person = accounts.add_user(db, workspace, "ola@fern.example", "Ola", "admin", "a long password")
    for key in SITES:
        site = accounts.add_site(db, workspace, key, key.title(), ["127.0.0.1"], "Europe/Warsaw", "EUR", mode="consent")
        store.add_goal(db, site, "Order", "event", "purchase")
    token = accounts.make_token(db, person, "test", ["metrics:read", "money:read"])[1]
    db.close()
    process, url = started(folder, TANDEM_LOG="warning")
    yield Server(url, token, folder, process)
    process.terminate()
    assert process.wait(30) == 0


@pytest.fixture
def tandem(server: Server) -> Iterator[Running]:
    """Each test has a site of its own: the server is started once."""
    site = next(_unvisited)
    shop = serve_shop(server.url, 0, site, "consent").start()
    yield Running(server.url, shop, site, server.token)
    shop.stop()


@pytest.fixture(scope="module")
def phone(driver: Playwright) -> Iterator[Browser]:
    """A person's phone. Headless Chromium says that it is one, and would be counted as a robot.

    TRAP: the user agent of a context is not sent with beacons; only the command line changes it everywhere.
    """
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*ARGS, f"--user-agent={PHONE}"])
    yield browser
    browser.close()


@pytest.fixture
def context(phone: Browser) -> Iterator[BrowserContext]:
    context = phone.new_context(locale="pl-PL", viewport={"width": 390, "height": 844})
    context.set_extra_http_headers({"sec-ch-ua": ""})  # it says that the browser is headless, and so a program
    yield context
    context.close()


def test_a_walk_through_the_shop_stands_in_every_report(tandem: Running, context: BrowserContext) -> None:
    page, shop = context.new_page(), tandem.shop.url
    page.goto(f"{shop}/?utm_source=letter&utm_medium=email&utm_campaign=autumn")
    page.click("[data-consent=yes]")
    assert tandem.until("collect.pageviews", 1) == 1
    page.goto(f"{shop}/finder")
    page.click("[data-finder] button")
    page.goto(_product(tandem))
    page.click("[data-add]")
    page.goto(f"{shop}/checkout")
    page.fill("input[name=name]", "Maja")
    page.fill("input[name=email]", "maja@post.example")
    page.fill("textarea[name=address]", "Lipowa 1")
    page.locator("#checkout button[type=submit], #checkout button").last.click()
    page.wait_for_url("**/thank-you**")
    page.goto(f"{shop}/no-such-plant")
    assert tandem.until("collect.error_pages", 1) == 1
    assert tandem.until("collect.orders", 1) == 1
    total = tandem.ask("collect.visitors,collect.visits,collect.pageviews,collect.revenue,collect.converted_visits")[0]
    metrics = total["metrics"]
    assert metrics["collect.visits"] == metrics["collect.visitors"] == 1, (
        "consent in mid-visit must not split the visit"
    )
    assert metrics["collect.pageviews"] >= 6
    assert metrics["collect.revenue"] > 0
    assert metrics["collect.converted_visits"] == 1
    (channel,) = tandem.ask("collect.visits,collect.revenue", by="channel,campaign,device")
    assert channel["key"] == {"channel": "Email", "campaign": "autumn", "device": channel["key"]["device"]}
    pages = {
        row["key"]["page"]: row["metrics"]["collect.pageviews"] for row in tandem.ask("collect.pageviews", by="page")
    }
    assert pages["/"] == 1
    assert pages["/checkout"] == 1
    assert sum(pages.values()) == metrics["collect.pageviews"]


def test_a_page_view_appears_in_the_realtime_view_without_reloading(
    tandem: Running, driver: Playwright, context: BrowserContext
) -> None:
    """How fast it does is measured by bench/realtime.py."""
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGS)
    realtime, page = browser.new_page(), context.new_page()
    realtime.goto(f"{tandem.url}/sign-in?next=/realtime%3Fsite={tandem.site}")
    realtime.fill("input[name=email]", "ola@fern.example")
    realtime.fill("input[name=password]", "a long password")
    realtime.press("input[name=password]", "Enter")
    realtime.wait_for_url(lambda url: urlsplit(url).path == "/realtime")
    realtime.evaluate("window.untouched = true")
    page.goto(f"{tandem.shop.url}/finder")
    realtime.locator("#live-page", has_text="/finder").wait_for(timeout=PATIENCE_S * 1000)
    assert realtime.evaluate("window.untouched")
    browser.close()


def _product(tandem: Running) -> str:
    path = next(a for a in tandem.shop.addresses() if a.startswith("/plants/"))
    return f"{tandem.shop.url}{path}"


def test_form_contents_are_nowhere_on_the_disk(server: Server, tandem: Running, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{tandem.shop.url}/contact")
    page.click("[data-consent=no]")
    page.fill("#contact [name=name]", "secret-name-of-a-customer")
    page.fill("#contact [name=email]", "secret-mail@post.example")
    page.fill("#contact [name=message]", "secret-words-of-a-customer")
    page.click("#contact button")
    assert tandem.until("collect.actions", 1) >= 1
    server.process.terminate()
    server.process.wait(30)
    for path in server.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"secret-" not in content, path
