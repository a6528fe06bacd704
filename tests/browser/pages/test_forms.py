"""Forms: what was typed is never lost, and whoever sends one is told where they look."""

import re

import pytest
from playwright.sync_api import expect

from .conftest import Opened, Served

pytestmark = pytest.mark.browser


def test_what_was_typed_survives_the_end_of_a_session(opened: Opened, served: Served) -> None:
    page = opened("/changes?days=300")
    page.fill("[name=title]", "Released the new cart")
    page.locator("summary", has_text="Details").click()
    page.fill("[name=note]", "with a hint")
    cookies = page.context.cookies()
    page.context.clear_cookies()
    page.click("text=Add change")
    page.wait_for_url(re.compile("/sign-in"))
    onward = page.locator("[name=next]").input_value()
    assert onward == "/changes?days=300"
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.goto(onward)
    expect(page.locator("[name=title]")).to_have_value("Released the new cart")
    expect(page.locator("[name=note]")).to_be_visible()
    expect(page.locator("[name=note]")).to_have_value("with a hint")
    page.reload()
    expect(page.locator("[name=title]")).to_have_value("")


def test_no_password_is_kept(opened: Opened) -> None:
    page = opened("/account")
    page.fill("[name=old]", "my secret")
    page.context.clear_cookies()
    form = page.locator("form", has=page.locator("[name=old]")).first
    form.evaluate("form => { form.noValidate = true; form.requestSubmit(); }")
    page.wait_for_url(re.compile("/sign-in"))
    kept = page.evaluate("sessionStorage.getItem('tandem.typed')")
    assert "account" in kept and "my secret" not in kept


def test_saving_the_site_is_confirmed_where_the_eye_is(opened: Opened) -> None:
    page = opened("/settings")
    page.evaluate("document.getElementById('script').style.opacity = '0.9'")  # as charts and resized fields have
    page.click("text=Save site")
    expect(page.locator("[role=status]", has_text="Saved.")).to_be_focused()


def test_a_key_is_foretold_only_where_it_is_known(opened: Opened) -> None:
    """It was “-” for магазин.рф, “stra-e” for straße.de, and one that was taken already."""
    page = opened("/settings")
    page.click("#add-site summary")
    key = page.locator("[data-key-from=new-site]")
    for pasted, foretold in {
        "https://магазин.рф/каталог?x=1": "", "straße.example": "", "xn--80aaaac8a.xn--p1ai": "", "x.example": "",
        "acme.example": "", "https://www.My_Café.example/?x=1": "my-cafe",
    }.items():  # fmt: skip
        page.fill("#new-site", pasted)
        expect(key).to_have_attribute("placeholder", foretold)


def test_the_focus_stays_with_the_control_that_was_used(opened: Opened) -> None:
    page = opened("/changes")
    page.fill("[name=title]", "Released the new footer")
    page.click("text=Add change")
    expect(page.locator(".timeline")).to_contain_text("Released the new footer")
    expect(page.locator("button", has_text="Add change")).to_be_focused()


def test_a_refusal_stands_at_its_field(opened: Opened) -> None:
    page = opened("/changes")
    page.fill("[name=title]", "   ")
    page.click("text=Add change")
    field = page.locator("[name=title]")
    expect(field).to_be_focused()
    assert field.get_attribute("aria-invalid") == "true"
    expect(page.locator(".field", has=field).locator(".told")).to_contain_text("has no title")
    expect(page.locator("#problem")).to_be_empty()


@pytest.mark.parametrize("language", ["en", "ru", "pl"])
def test_a_phone_shows_site_and_period_in_full(opened: Opened, language: str) -> None:
    cut = "e => [...e].filter(s => s.scrollWidth > s.clientWidth).map(s => s.textContent)"
    for period in ("12mo", "last-month", "2025-11-28..2026-11-30"):
        page = opened(f"/board?period={period}", language=language, width=390)
        assert page.locator(".bar .menu:not(.bare) > summary > span").evaluate_all(cut) == []


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("path", ["/board", "/changes"])
def test_a_field_shows_the_whole_day_that_it_holds(opened: Opened, path: str, width: int) -> None:
    """Two fields side by side in a narrow panel hid the year."""
    page = opened(path, language="ru", width=width)
    page.click("details.menu:has([type=date]) > summary")
    lacks = """(fields) => fields.map((field) => {
        const width = field.getBoundingClientRect().width;
        Object.assign(field.style, { position: "absolute", width: "max-content" });
        return field.getBoundingClientRect().width - width;
    })"""
    fields = page.locator("details.menu [type=date]")
    expect(fields.first).to_be_visible()
    assert max(fields.evaluate_all(lacks)) <= 0


@pytest.mark.parametrize("language", ["en", "ru", "pl"])
def test_a_phone_shows_metrics_beside_a_long_path(opened: Opened, language: str) -> None:
    """One path of 300 letters took the whole width."""
    page = opened("/traffic", language=language, width=390)
    link = page.locator("#t-pages .barred a").first
    link.evaluate("(a, text) => { a.textContent = text }", "/" + "catalogue-" * 30)
    metric = page.locator("#t-pages tbody tr", has_text="catalogue").locator("td.num").first
    assert metric.evaluate("e => e.getBoundingClientRect().right <= e.closest('.scroll').getBoundingClientRect().right")


def test_no_button_wraps_inside_a_word_on_a_phone(opened: Opened) -> None:
    page = opened("/goals", language="ru", width=390)
    page.context.set_offline(True)
    page.fill("[name=name]", "A")
    page.fill("[name=match]", "a")
    page.click("aside .do button")
    button = page.locator("#problem [data-retry]")
    expect(button).to_have_text("Повторить")
    assert button.evaluate("e => e.scrollWidth <= e.clientWidth && e.clientHeight < 48")


def test_the_copy_button_covers_no_part_of_what_it_copies(opened: Opened) -> None:
    page = opened("/start", language="ru", width=390)
    for code in page.locator(".code:visible").all():
        text, button = code.locator("pre").bounding_box(), code.locator("button").bounding_box()
        assert text and button and text["y"] + text["height"] <= button["y"]


@pytest.mark.parametrize("width", [390, 1440])
def test_what_is_told_of_a_new_goal_keeps_its_distance(opened: Opened, width: int) -> None:
    page = opened("/goals", width=width)
    page.fill("[name=name]", f"Thanks {width}")
    page.select_option("[name=kind]", "page")
    page.fill("[name=match]", f"https://other.example/thanks-{width}")
    page.click("aside .do button")
    note, box = page.locator("section.note").bounding_box(), page.locator("#goals").bounding_box()
    assert note and box and box["y"] - (note["y"] + note["height"]) >= 24


def test_add_a_site_opens_its_form(opened: Opened) -> None:
    page = opened("/settings")
    field = page.locator("#new-site")
    expect(field).to_be_hidden()
    page.click(".bar .menu summary >> nth=0")
    page.click(".bar a[href='/settings#add-site']")
    expect(field).to_be_visible()
    page.click("#add-site summary")
    expect(field).to_be_hidden()
    page.click(".bar .menu summary >> nth=0")
    page.click(".bar a[href='/settings#add-site']")
    expect(field).to_be_visible()
    page.goto("/board")
    page.goto("/settings#add-site")
    expect(field).to_be_in_viewport()


def test_no_heading_breaks_a_word_that_a_line_has_room_for(opened: Opened) -> None:
    page = opened("/board", language="ru", width=390)
    styles = page.locator("main :is(h1, h2, h3)").evaluate_all("e => e.map(a => getComputedStyle(a).overflowWrap)")
    assert set(styles) == {"break-word"}


@pytest.mark.parametrize("language", ["en", "ru", "pl"])
@pytest.mark.parametrize(("path", "box"), [("account", "sessions"), ("settings", "people")])
def test_a_phone_shows_rows_with_buttons_without_scrolling_sideways(
    opened: Opened, path: str, box: str, language: str
) -> None:
    page = opened(f"/{path}", language=language, width=390)
    assert page.locator(f"#{box} .scroll").evaluate("e => e.scrollWidth <= e.clientWidth")
    for part in page.locator(f"#{box} tbody :is(th, td)").all():
        assert part.evaluate("e => e.scrollWidth <= e.clientWidth && e.getBoundingClientRect().right <= innerWidth")
    for button in page.locator(f"#{box} tbody button").all():
        assert button.bounding_box()["height"] >= 40  # type: ignore[index]
