"""A real Chromium before a real server: `tandem serve` in its own process, an invented site, a week of hits."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Response

from tests.browser.chromium import ARGS, CHROMIUM
from tests.served import eventually, started

EMAIL, PASSWORD = "ann@acme.example", "a few plain words"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
HOUR = 3_600_000
PEOPLE = 36
COMES_BY = (
    ("?utm_source=google&utm_medium=cpc&utm_campaign=spring", "https://www.google.com/"),
    ("", "https://www.google.com/"),
    ("", ""),
    ("?utm_source=news&utm_medium=email&utm_campaign=may", ""),
)


KNOWN = {"m": "cookie", "i": "00000000000000aa.zzzzz"}
"""The first visitor has a cookie, so that there is a profile to open."""


class Served(msgspec.Struct):
    """The running product, and a client that is signed in."""

    url: str
    client: httpx.Client
    csrf: str
    records: str
    """The DSN of its record store, which other processes may open too."""

    def post(self, path: str, **data: str) -> httpx.Response:
        return self.client.post(path, data=data, headers={"X-CSRF": self.csrf})

    def hit(self, browser: int, *events: dict[str, object], **more: str) -> None:
        agent = AGENT.format(100 + browser)
        body = {"s": "acme", "c": _now(), "l": "en-GB", "w": 1440, "e": events, **more}
        answer = httpx.post(f"{self.url}/t/hit", content=msgspec.json.encode(body), headers={"user-agent": agent})
        assert answer.text == "ok"


def _now() -> int:
    return time.time_ns() // 1_000_000


def _events(person: int) -> list[dict[str, object]]:
    """One visit, some hours ago: two pages, attention, vitals; every third orders, every ninth meets an error."""
    at, (query, referrer) = _now() - (1 + person * 3) * HOUR, COMES_BY[person % len(COMES_BY)]
    home, shop = f"https://acme.example/{query}", f"https://acme.example/shop/{person % 14}"
    visit: list[dict[str, object]] = [
        {"k": "pageview", "t": at, "u": home, "r": referrer},
        {"k": "vital", "t": at + 900, "u": home, "n": "LCP", "v": 1800 + 40 * person},
        {"k": "engage", "t": at + 20_000, "u": home, "x": 15_000, "d": 70},
        {"k": "pageview", "t": at + 21_000, "u": shop, "r": home},
    ]
    if person % 3 == 0:
        visit.append({"k": "event", "t": at + 40_000, "u": shop, "n": "purchase", "a": 20 + person, "y": "EUR"})
    if person % 9 == 0:
        visit.append({"k": "pageview", "t": at + 50_000, "u": "https://acme.example/gone", "r": shop, "f": 404})
    return [{"i": f"{person:08x}{n:08x}", **event} for n, event in enumerate(visit)]


@pytest.fixture(scope="session")
def served(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The product with a small company in it."""
    folder = Path(shutil.copytree(migrated, tmp_path_factory.mktemp("served") / "data", symlinks=True))
    process, url = started(folder)
    try:
        yield _company(url, (folder / "set-up-code").read_text(), f"sqlite:///{folder / 'records.db'}")
    finally:
        process.terminate()
        process.wait(20)


def _company(url: str, code: str, records: str) -> Served:
    client = httpx.Client(base_url=url, follow_redirects=True, timeout=20)
    page = client.post(
        "/set-up",
        data={
            "code": code, "company": "Acme", "email": EMAIL, "name": "Ann", "password": PASSWORD, "key": "acme",
            "host": "acme.example", "zone": "Europe/Warsaw", "currency": "EUR",
        },
    )  # fmt: skip
    found = re.search(r'"X-CSRF": "(\w+)"', page.text)
    assert found, page.text[:500]
    served = Served(url, client, found[1], records)
    assert served.post("/goals?site=acme", name="Purchase", kind="event", match="purchase").status_code in (200, 201)
    site = {"name": "Acme", "hosts": "acme.example", "zone": "Europe/Warsaw", "currency": "EUR", "keep_days": "1100"}
    assert served.post("/settings/sites/acme", **site, mode="cookie").status_code in (200, 201)
    crm = {"area": "crm", "system": "webhook", "name": "Shop", "secret": "x"}
    assert served.post("/connections?site=acme", **crm).status_code in (200, 201)
    assert served.post("/changes?site=acme", kind="deploy", title="Released 2.4").status_code in (200, 201)
    assert served.post("/money/reports?site=acme", name="Kept").status_code in (200, 201)
    for person in range(PEOPLE):
        served.hit(person, *_events(person), **(KNOWN if person == 0 else {}))
    eventually(lambda: _visits(client) == PEOPLE)
    return served


def _visits(client: httpx.Client) -> object:
    return client.get("/api/metrics?metrics=collect.visits&period=30d").json()["rows"][0]["metrics"]["collect.visits"]


@pytest.fixture(scope="package")
def chromium(driver: Playwright) -> Iterator[Browser]:
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGS)
    yield browser
    browser.close()


def is_error(said: ConsoleMessage) -> bool:
    """Whether the console tells of a mistake; a refused form (400, 401), or a network cut by a test, is none."""
    return said.type == "error" and not any(
        told in said.text
        for told in ("status of 400", "status of 401", "status of 502", "ERR_INTERNET_DISCONNECTED", "Failed to fetch")
    )


Opened = Callable[..., Page]
Theme = Literal["light", "dark"]
VIOLATIONS = """addEventListener("securitypolicyviolation", (e) => console.error("CSP", e.violatedDirective))"""


LOCALES = {"en": "en-GB", "ru": "ru-RU", "pl": "pl-PL"}


class Window:
    """Somebody's window in one language, which goes from page to page; whatever goes wrong there is noted."""

    def __init__(self, chromium: Browser, url: str, cookies: dict[str, str], language: str) -> None:
        self.wrong: list[str] = []
        self.screen: tuple[Theme, int] = ("light", 0)
        self._url = url
        context = chromium.new_context(base_url=url, locale=LOCALES[language], reduced_motion="reduce")
        context.add_init_script(VIOLATIONS)
        self.page = context.new_page()
        self.send(cookies)
        self.speak(language)
        self.page.set_default_timeout(20_000)
        self.page.on("response", self._answered)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"{self.page.url}: {error}"))

    def send(self, cookies: dict[str, str]) -> None:
        """From now on these go with every request."""
        self.page.context.add_cookies([{"name": n, "value": v, "url": self._url} for n, v in cookies.items()])

    def speak(self, language: str) -> None:
        """Pages come in this language from now on."""
        self.send({"tandem_language": language})

    def open(self, path: str) -> Page:
        self.page.goto(path)
        return self.page

    def look(self, theme: Theme, width: int) -> None:
        """The page that is open, in this theme and on a screen this wide: nothing may be wider."""
        if self.screen[0] != theme:
            self.page.emulate_media(color_scheme=theme)
        if self.screen[1] != width:
            self.page.set_viewport_size({"width": width, "height": 900})
        self.screen = (theme, width)
        for _ in range(20):  # charts are drawn anew a frame or two later
            if not (found := self.page.evaluate(WIDER)):
                return
            self.page.wait_for_timeout(100)
        self.wrong.append(f"{self.page.url} {theme} {width}: wider than the screen: {found}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.url}: {response.status}")

    def _said(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.wrong.append(f"{self.page.url}: {said.text}")

    def close(self) -> None:
        self.page.context.close()


CAPITAL_AFTER_SEMICOLON = re.compile(r"; [A-ZА-ЯЁĄĆĘŁŃÓŚŹŻ][a-zа-яёąćęłńóśźż]+ [a-zа-яёąćęłńóśźż]")


def is_written_in(page: Page, language: str) -> bool:
    """Whether the page says that it is in this language, has one heading, and its answer keeps the language's rules."""
    answer = " ".join(page.locator(".answer").all_inner_texts())
    assert language == "en" or not CAPITAL_AFTER_SEMICOLON.search(answer), answer
    assert page.locator("h1").count() == 1
    return bool(page.evaluate("document.documentElement.lang") == language)


WIDER = """() => document.documentElement.scrollWidth <= innerWidth ? "" : [...document.querySelectorAll("main *")]
  .filter((e) => e.getBoundingClientRect().right > innerWidth && !e.closest(".scroll, nav"))
  .map((e) => e.outerHTML.slice(0, 80)).slice(0, 3).join() || "?"
"""


@pytest.fixture(scope="package")
def window(chromium: Browser, served: Served) -> Iterator[BrowserContext]:
    """One for all tests: opening it, and reading every script anew, takes longer than most of them."""
    context = new_window(chromium, served, "en")
    context.new_page().goto("/healthz")  # stays open, so that the process of the pages does not end with each of them
    yield context
    context.close()


def new_window(chromium: Browser, served: Served, language: str) -> BrowserContext:
    context = chromium.new_context(base_url=served.url, reduced_motion="reduce", locale=LOCALES[language])
    context.add_init_script(VIOLATIONS)
    return context


@pytest.fixture
def opened(chromium: Browser, window: BrowserContext, served: Served) -> Iterator[Opened]:
    """Opens a page of the signed-in person; any error in its console fails the test."""
    errors, pages = list[str](), list[Page]()

    def open_(path: str, language: str = "en", theme: Theme = "light", width: int = 1440) -> Page:
        context = window if language == "en" else new_window(chromium, served, language)
        cookies = dict(served.client.cookies) | {"tandem_language": language}
        context.add_cookies([{"name": n, "value": v, "url": served.url} for n, v in cookies.items()])
        page = context.new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        page.set_default_timeout(8000)
        page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
        page.on("console", lambda said: errors.append(f"{page.url}: {said.text}") if is_error(said) else None)
        page.goto(path)
        page.wait_for_load_state("load")
        return page

    yield open_
    for page in pages:
        page.evaluate("localStorage.clear()")
        page.close()
        if page.context is not window:
            page.context.close()
    window.clear_cookies()
    window.set_offline(False)
    assert errors == []
