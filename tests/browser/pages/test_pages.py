"""Every page opens cleanly in every language, theme and width, and can be used without eyes and without a mouse."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tandem.accounts import store
from tandem.accounts.store import links
from tandem.base.database import Database
from tandem.core.pages import ANYONE
from tests.routes import PAGES

from .conftest import LOCALES, Opened, Served, Theme, Window, is_written_in

pytestmark = pytest.mark.browser

IN_ADDRESSES = {"person": "00000000000000aa"}
"""Values of parameters; any other is 1, the first of its kind."""
OPENED = {
    re.sub(r"{(\w+):\w+}", lambda parameter: IN_ADDRESSES.get(parameter[1], "1"), page.address): page
    for page in PAGES
    if page.may != ANYONE
}
PATHS = (
    *OPENED,
    "/traffic?f=channel:is:Direct&figure=collect.lcp_p75&compare=year&bots=1", "/board?period=2020-01-01..2020-01-31",
    "/calls?sources=keywords&within=5&period=2020-01-01..2020-01-31",
    "/money?conversion=goal:1&split=source&model=shapley&window=7", "/money?period=2020-01-01..2020-01-31",
    "/reconciliation?f=channel:is:Direct&period=2020-01-01..2020-01-31",
)  # fmt: skip
"""Each page that needs a sign-in, and some of them without data, or with much chosen."""
SIGNED_OUT = [page.address for page in PAGES if page.may == ANYONE]
IN_MENU = {path for path, page in OPENED.items() if page.group is not None}
"""These are opened in the other languages by the other roles: test_roles.py."""
LOOKS: tuple[tuple[Theme, int], ...] = (("light", 1440), ("dark", 390))
SCREENS: tuple[tuple[Theme, int], ...] = (*LOOKS, ("dark", 1440), ("light", 390))
BETWEEN: tuple[tuple[Theme, int], ...] = (("light", 800), ("light", 701), ("light", 1100))

NAMELESS = """() => {
  const name = (e) => (e.getAttribute("aria-label") || e.innerText || e.textContent || e.title || "").trim()
    || document.getElementById(e.getAttribute("aria-labelledby"))?.textContent.trim();
  const field = (e) => e.type === "hidden" || e.getAttribute("aria-label")
    || [...(e.labels || [])].some((l) => l.textContent.trim());
  return [
    ...[...document.querySelectorAll("a, button, summary, nav, section")].filter((e) => !name(e)),
    ...[...document.querySelectorAll("input, select, textarea")].filter((e) => !field(e)),
    ...[...document.querySelectorAll("svg[role=img], [role=listbox]")].filter((e) => !e.getAttribute("aria-label")),
  ].map((e) => e.outerHTML.slice(0, 120));
}"""
TWICE = (
    """() => [...document.querySelectorAll("[id]")].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i)"""
)
STYLED = """() => [...document.querySelectorAll("body [style]")].filter((e) => !e.closest("[data-chart]")).length"""


@pytest.fixture(scope="module")
def windows(chromium: Browser, served: Served) -> Iterator[dict[str, Window]]:
    """A window in each language."""
    made = {language: Window(chromium, served.url, dict(served.client.cookies), language) for language in LOCALES}
    yield made
    for window in made.values():
        window.close()


@pytest.fixture(scope="module")
def strangers(chromium: Browser, served: Served) -> Iterator[list[Window]]:
    """Windows of people who are not signed in."""
    made = [Window(chromium, served.url, {}, language) for language in LOCALES]
    yield made
    for window in made:
        window.close()


@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_has_no_errors_and_can_be_used_without_eyes(windows: dict[str, Window], path: str) -> None:
    for language, window in windows.items():
        if language != "en" and path in IN_MENU:
            continue
        window.wrong.clear()
        page = window.open(path)
        # Drawn for the screen that the page before was left on, it must fit the others. Words differ in length and not
        # by theme: in other languages each width is looked at once.
        looks = [*(SCREENS if language == "en" else LOOKS), *(BETWEEN if path == "/traffic" else ())]
        for look in looks if window.screen == looks[0] else reversed(looks):
            window.look(*look)
        if language == "en":
            assert page.locator("main").count() == 1
            assert page.locator("nav[aria-label]").count() >= 2
            assert [page.evaluate(NAMELESS), page.evaluate(TWICE), page.evaluate(STYLED)] == [[], [], 0]
        assert is_written_in(page, language)
        assert window.wrong == [], language


@pytest.mark.parametrize("path", sorted(IN_MENU))
def test_a_page_has_the_title_that_the_menu_gives_it(served: Served, path: str) -> None:
    title = re.search(r"<title>(.*?)( · |</title>)", served.client.get(path).text)
    assert title and title[1] == OPENED[path].title


def test_a_page_that_does_not_exist_says_so(served: Served) -> None:
    assert served.client.get("/no-such-page", headers={"accept": "text/html"}).status_code == 404


@pytest.mark.parametrize("path", SIGNED_OUT)
def test_pages_without_sign_in_open_too(strangers: list[Window], served: Served, path: str) -> None:
    if "{token" in path:
        db = Database(served.records)
        person = store.add_user(db, 1, "invited@acme.example", "Invited", "viewer", None)
        path = path.replace("{token:str}", links.make(db, person, links.INVITE))
        db.close()
    for window in strangers:
        window.wrong.clear()
        page = window.open(path)
        for look in LOOKS:
            window.look(*look)
        assert page.evaluate(NAMELESS) == []
        assert window.wrong == []


def test_a_page_and_its_form_share_an_address(served: Served) -> None:
    assert served.client.get("/changes").status_code == 200
    assert served.post("/changes", kind="tool", title="").status_code == 400
    assert served.client.get("/goals").status_code == 200


def test_the_board_draws_nothing_with_scripts(opened: Opened) -> None:
    page = opened("/board")
    scripts = page.evaluate(
        "performance.getEntriesByType('resource').filter((r) => r.initiatorType === 'script').map((r) => r.name)"
    )
    assert not any("echarts" in name for name in scripts)
    size = page.evaluate(
        "performance.getEntriesByType('resource').filter((r) => r.initiatorType === 'script')"
        ".reduce((sum, r) => sum + r.decodedBodySize, 0)"
    )
    assert size < 150_000


def test_the_board_prints_on_white_without_the_frame(opened: Opened) -> None:
    page = opened("/board", theme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("nav.side").is_visible()
    assert not page.locator("header.top").is_visible()
    assert page.locator("article.tile").first.is_visible()


@pytest.mark.parametrize(("path", "most"), [("/board?lens=engineering", 1), ("/money", 3)])
def test_a_printed_page_names_the_site_and_leaves_no_page_half_empty(opened: Opened, path: str, most: int) -> None:
    page = opened(path)
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) <= most
    page.emulate_media(media="print")
    assert page.inner_text(".printed").startswith("Acme · acme.example")
    assert page.locator(".head .span").is_visible(), "the period"


def test_an_error_is_told_in_place(opened: Opened) -> None:
    page = opened("/goals")
    page.fill("[name=name]", "Broken")
    page.select_option("[name=kind]", "page")
    page.fill("[name=match]", "no-slash")
    with page.expect_response("**/goals**"):
        page.evaluate("document.querySelector('form[hx-post]').requestSubmit()")
    page.wait_for_selector(".field .told[role=alert]")
    assert "is not a path" in page.inner_text(".field:has([name=match]) .told")
    assert page.input_value("[name=match]") == "no-slash"
