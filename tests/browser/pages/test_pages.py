"""Every page opens cleanly in every language, theme and width, and can be used without eyes and without a mouse."""

import pytest

from .conftest import Opened, Served

pytestmark = pytest.mark.browser

PATHS = (
    "/board", "/start", "/traffic", "/realtime", "/figures", "/changes", "/settings", "/goals", "/reception", "/ads",
    "/deals",
    "/traffic?f=channel:is:Direct&figure=collect.lcp_p75&compare=year&bots=1", "/board?period=2020-01-01..2020-01-31",
    "/people", "/people/00000000000000aa", "/connections", "/deals/mapping/1",
    "/calls", "/calls?by=term&within=5&period=2020-01-01..2020-01-31", "/calls/pools",
    "/money", "/money?conversion=goal:1&split=source&model=shapley&window=7", "/money?period=2020-01-01..2020-01-31",
    "/reconciliation", "/reconciliation?f=channel:is:Direct&period=2020-01-01..2020-01-31",
)  # fmt: skip
LOOKS = (
    ("en", "light", 1440), ("en", "dark", 390), ("ru", "dark", 1440), ("ru", "light", 390), ("pl", "light", 1440),
    ("pl", "dark", 390),
)  # fmt: skip
BETWEEN = (("ru", "light", 800), ("pl", "light", 701), ("en", "light", 1100))

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


@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_and_has_no_errors(opened: Opened, path: str) -> None:
    for language, theme, width in LOOKS + (BETWEEN if path == "/traffic" else ()):
        page = opened(path, language, theme, width)
        where = f"{path} {language} {theme} {width}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, where
        assert page.evaluate("document.documentElement.lang") == language, where
        assert page.locator("h1").count() == 1, where
        page.context.close()


@pytest.mark.parametrize("path", PATHS)
def test_a_page_has_landmarks_names_and_single_ids(opened: Opened, path: str) -> None:
    page = opened(path)
    assert page.locator("main").count() == 1
    assert page.locator("nav[aria-label]").count() >= 2
    assert page.evaluate(NAMELESS) == []
    assert page.evaluate(TWICE) == []
    assert page.evaluate(STYLED) == 0


@pytest.mark.parametrize(("path", "status"), [("/sign-in", 200), ("/no-such-page", 404)])
def test_pages_without_sign_in_open_too(opened: Opened, served: Served, path: str, status: int) -> None:
    assert served.client.get(path, headers={"accept": "text/html"}).status_code in (status, 200)
    if status != 200:  # a browser notes a 404 as an error of its own
        return
    for language, theme, width in LOOKS:
        page = opened(path, language, theme, width, signed_in=False)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(NAMELESS) == []
        page.context.close()


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


def test_an_error_is_told_in_place(opened: Opened) -> None:
    page = opened("/goals")
    page.fill("[name=name]", "Broken")
    page.select_option("[name=kind]", "page")
    page.fill("[name=match]", "no-slash")
    with page.expect_response("**/goals**"):
        page.evaluate("document.querySelector('form[hx-post]').requestSubmit()")
    page.wait_for_selector("#problem[role=alert]")
    assert "is not a path" in page.inner_text("#problem")
    assert page.input_value("[name=match]") == "no-slash"
