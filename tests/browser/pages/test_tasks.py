"""The main tasks, by keyboard alone."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tandem.accounts import store
from tandem.accounts.store import links
from tandem.base.database import Database

from .conftest import Opened, Served

pytestmark = pytest.mark.browser


def go_to(page: Page, selector: str) -> None:
    """Tab until the element has the focus: it can be reached without a mouse."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("(s) => document.activeElement?.matches(s)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached by Tab")


def metrics(page: Page) -> dict[str, str]:
    tiles = page.locator("article[data-figure]")
    return {t.get_attribute("data-figure") or "": t.locator(".value").inner_text() for t in tiles.all()}


def test_the_skip_link_leads_to_the_content(opened: Opened) -> None:
    page = opened("/board")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_the_period_is_changed_by_keyboard_and_stays_in_the_address(opened: Opened) -> None:
    page = opened("/board")
    go_to(page, "#period summary")
    page.keyboard.press("Enter")
    go_to(page, "#period a[href*='period=7d']")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("period=7d"))
    expect(page.locator("#period summary")).to_contain_text("Last 7 days")


def test_days_of_ones_own_make_a_proper_address(opened: Opened) -> None:
    page = opened("/traffic?f=device:is:desktop")
    page.click("#period summary")
    page.fill("[name=first]", "2026-01-01")
    page.fill("[name=last]", "2026-01-31")
    page.click("text=Show these days")
    page.wait_for_url(re.compile(r"period=2026-01-01\.\.2026-01-31"))
    assert "first=" not in page.url
    assert "f=device" in page.url


def test_a_filter_is_added_and_removed_by_keyboard(opened: Opened) -> None:
    page = opened("/board")
    go_to(page, "#add-filter summary")
    page.keyboard.press("Enter")
    go_to(page, "#filter-text")
    page.wait_for_selector("#filter-values input")
    page.keyboard.type("Direct")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("f=channel%3Ais%3ADirect"))
    assert metrics(page)["collect.visits"] == "9"
    go_to(page, ".chip a[aria-label^=Remove]")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "f=channel" not in url)
    assert metrics(page)["collect.visits"] == "36"


def test_values_suggested_are_those_of_the_data(opened: Opened) -> None:
    page = opened("/board")
    page.click("#add-filter summary")
    page.select_option("#filter-by", "campaign")
    page.wait_for_selector("#filter-values [value=spring]")


def test_several_values_are_ticked_and_taken_away_one_by_one(opened: Opened) -> None:
    page = opened("/board")
    page.click("#add-filter summary")
    page.check("#filter-values [value=Direct]")
    field = page.locator("#filter-text")
    with page.expect_response(lambda answer: "text=email" in answer.url):
        field.fill("email")
    expect(page.locator("#filter-values [value=Direct]")).to_be_checked()
    page.check("#filter-values [value=Email]")
    expect(field).to_have_value("")
    page.click("#add-filter form > .button")
    page.wait_for_url(re.compile("f=channel%3Ais%3ADirect%7CEmail"))
    assert metrics(page)["collect.visits"] == "18"
    page.click(".chip .part:has-text('Email')")
    page.wait_for_url(lambda url: "Email" not in url)
    assert metrics(page)["collect.visits"] == "9"


def test_a_filter_that_means_nothing_is_told_at_its_field_and_the_page_stays(opened: Opened) -> None:
    page = opened("/board")
    page.click("#add-filter summary")
    page.select_option("#filter-by", "country")
    field = page.locator("#filter-text")
    field.fill("Polnad")
    with page.expect_response(lambda answer: "text=Polnad" in answer.url and "/values" in answer.url):
        field.press("Enter")  # the suggestions for what was typed come after the answer
    told = page.locator("#add-filter .told")
    expect(told).to_contain_text("“Country” has no value “Polnad”.")
    expect(field).to_have_value("Polnad")
    field.fill("poland")
    field.press("Enter")
    page.wait_for_url(re.compile("f=country%3Ais%3APL"))
    expect(page.locator(".chip")).to_contain_text("Poland")


def test_what_is_this_opens_in_place_and_closes(opened: Opened) -> None:
    page = opened("/board")
    go_to(page, "article[data-figure='collect.visits'] [data-what]")
    page.keyboard.press("Enter")
    panel = page.locator("#what-collect-visits")
    expect(panel).to_contain_text("Executed SQL")
    expect(panel).to_contain_text("from visits")
    page.keyboard.press("Escape")
    expect(panel).to_be_empty()
    expect(page.locator("article[data-figure='collect.visits'] [data-what]")).to_be_focused()


def test_what_was_asked_for_without_a_network_is_asked_for_again(opened: Opened) -> None:
    page = opened("/board")
    what = page.locator("article[data-figure='collect.visits'] [data-what]")
    search, add_filter, value = (page.locator(s) for s in ("#jump", "#add-filter summary", "#filter-text"))
    page.context.set_offline(True)
    for asks in (add_filter.click, search.focus, what.click):
        with page.expect_event("requestfailed"):
            asks()
    expect(what).to_have_attribute("aria-expanded", "false")
    page.context.set_offline(False)
    add_filter.click()
    value.focus()
    page.wait_for_selector("#filter-values input", state="attached")
    search.focus()
    page.wait_for_selector("#jump-found a", state="attached")
    what.click()
    expect(page.locator("#what-collect-visits")).to_contain_text("Executed SQL")
    expect(what).to_have_attribute("aria-expanded", "true")


def test_the_lens_changes_words_and_order_and_never_a_metric(opened: Opened) -> None:
    page = opened("/board?lens=marketing")
    seen = {}
    for lens in ("marketing", "engineering", "executive"):
        go_to(page, f".segments a[href*='lens={lens}']")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(f"lens={lens}"))
        expect(page.locator(".segments [aria-current]")).to_have_attribute("href", re.compile(f"lens={lens}"))
        seen[lens] = (
            metrics(page),
            page.inner_text("h1"),
            [s.get_attribute("id") for s in page.locator(".group").all()],
        )
    values, titles, orders = zip(*seen.values(), strict=True)
    assert values[0] == values[1] and values[2].items() <= values[0].items()
    assert [len(tiles) for tiles in values] == [16, 16, 6]
    assert len(set(titles)) == 3
    assert len({tuple(order) for order in orders}) == 3
    assert set(orders[0]) == set(orders[1])


def test_drilling_down_from_channel_to_source_to_campaign(opened: Opened) -> None:
    page = opened("/traffic")
    go_to(page, "#from tbody a[href*='Paid+Search']")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("from=sources"))
    expect(page.locator("#from .tabs [aria-current]")).to_have_text("Sources")
    page.locator("#from tbody a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("from=campaigns"))
    expect(page.locator("#from tbody")).to_contain_text("spring")
    expect(page.locator(".chip")).to_have_count(2)


def test_a_table_is_searched_sorted_and_shown_whole(opened: Opened) -> None:
    page = opened("/traffic")
    table = page.locator("#t-pages")
    expect(table.locator("tbody tr")).to_have_count(10)
    table.get_by_text("Show all").click()
    expect(table.locator("tbody tr")).to_have_count(16)
    page.locator("#s-pages").focus()
    page.keyboard.type("shop/1")
    expect(table.locator("tbody tr")).to_have_count(5)
    expect(page.locator("#s-pages")).to_be_focused()
    table.locator("thead button").first.click()
    expect(table.locator("th[aria-sort=ascending]")).to_have_count(1)
    assert table.locator("tbody th").first.inner_text().strip() == "/shop/1"


def test_tabs_keep_their_place_in_the_address(opened: Opened) -> None:
    page = opened("/traffic")
    page.click("#t-with .tabs >> text=Browsers")
    expect(page.locator("#t-with .tabs [aria-current]")).to_have_text("Browsers")
    page.wait_for_url(re.compile("with=browsers"))
    page.reload()
    expect(page.locator("#t-with .tabs [aria-current]")).to_have_text("Browsers")


def test_the_slash_leads_to_the_search_and_the_search_to_a_metric(opened: Opened) -> None:
    page = opened("/board")
    page.keyboard.press("/")
    expect(page.locator("#jump")).to_be_focused()
    page.wait_for_selector("#jump-found a", state="attached")
    page.keyboard.type("bounce r")
    expect(page.locator("#jump-found a:not([hidden])")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"figure=collect\.bounce_rate"))


def test_tab_leaves_the_search_without_walking_through_all_it_could_find(opened: Opened) -> None:
    page = opened("/board")
    page.keyboard.press("/")
    page.wait_for_selector("#jump-found a", state="attached")
    page.keyboard.press("Tab")
    assert not page.evaluate("() => document.activeElement.closest('.jump')")


def test_the_chart_is_drawn_and_has_a_table_behind_it(opened: Opened) -> None:
    page = opened("/traffic")
    page.wait_for_selector("[data-chart] canvas")
    page.get_by_text("Data as a table").click()
    expect(page.locator("details.more table tbody tr")).to_have_count(30)
    expect(page.locator("details.more table")).to_contain_text("Released 2.4")


def test_a_visit_appears_in_realtime_without_touching_the_page(opened: Opened, served: Served) -> None:
    page = opened("/realtime")
    path = f"/just-now-{time.time_ns()}"
    served.hit(
        99,
        {
            "i": f"{time.time_ns():016x}"[-16:],
            "k": "pageview",
            "t": time.time_ns() // 1_000_000,
            "u": f"https://acme.example{path}",
        },
    )
    expect(page.locator("#live-page")).to_contain_text(path, timeout=20_000)
    expect(page.locator(".minutes rect:not(.ground)[height]:not([height='0.0'])")).not_to_have_count(0)


def test_language_and_theme_are_remembered(opened: Opened) -> None:
    page = opened("/metrics")
    page.click("summary[aria-label^='You']")
    with page.expect_navigation():
        page.click("button[lang=pl]")
    expect(page.locator("h1")).to_have_text("Definicje metryk")
    page.click("summary[aria-label^='Ty']")
    with page.expect_navigation():
        page.click("text=Ciemny")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.click("summary[aria-label^='Ty']")
    with page.expect_navigation():
        page.click("text=Jak w systemie")


def test_a_change_is_noted_and_taken_out_again(opened: Opened) -> None:
    page = opened("/changes")
    page.fill("[name=title]", "Moved the search field")
    page.select_option("select[name=kind]", "content")
    page.click("text=Add change")
    line = page.locator(".timeline li", has_text="Moved the search field")
    expect(line).to_be_visible()
    line.get_by_role("button").click()
    expect(line).to_have_count(0)
    news = page.locator("[role=status]", has_text="was removed from the log")
    expect(news).to_be_focused()
    news.get_by_role("button", name="Undo").click()
    expect(line).to_be_visible()
    line.get_by_role("button").click()
    expect(line).to_have_count(0)


def test_what_cannot_be_undone_says_so_in_place_before_it_is_done(opened: Opened, served: Served) -> None:
    assert served.post("/settings/tokens", **{"name": "Old till", "metrics:read": "1"}).status_code == 200
    page = opened("/settings")
    row = page.locator("#tokens tr", has_text="Old till")
    row.locator("summary", has_text="Revoke").press("Enter")
    expect(row.locator("form")).to_contain_text("stop working at once. This cannot be undone.")
    row.locator("summary", has_text="Cancel").press("Enter")
    expect(row.locator("form")).to_be_hidden()
    row.locator("summary", has_text="Revoke").click()
    row.get_by_role("button", name="Revoke token").click()
    expect(row).to_contain_text("revoked")


def test_a_removal_is_undone_without_scripts(chromium: Browser, served: Served) -> None:
    assert served.post("/changes?site=acme", kind="tool", title="New till").status_code in (200, 201)
    context = chromium.new_context(base_url=served.url, java_script_enabled=False)
    context.add_cookies([{"name": n, "value": v, "url": served.url} for n, v in served.client.cookies.items()])
    page = context.new_page()
    page.goto("/changes?site=acme")
    line = page.locator(".timeline li[id]", has_text="New till")
    line.get_by_role("button").click()
    expect(line).to_have_count(0)
    page.locator("[role=status]").get_by_role("button", name="Undo").click()
    expect(line).to_be_visible()
    context.close()


def test_a_token_is_shown_once(opened: Opened) -> None:
    page = opened("/settings")
    page.click("text=Create a token")
    page.fill("#tokens [name=name]", "Server")
    page.check("[name='metrics:read']")
    page.click("text=Create token")
    expect(page.locator("[role=status]")).to_contain_text("shown only once")
    page.reload()
    expect(page.locator("[role=status]")).to_have_count(0)
    expect(page.locator("#tokens")).to_contain_text("Server")


def test_a_table_is_exported_as_it_is_seen(opened: Opened) -> None:
    page = opened("/traffic?from=campaigns&lens=marketing")
    with page.expect_download() as download:
        page.click("#t-from >> text=CSV")
    text = download.value.path().read_text("utf-8")
    assert text.splitlines()[0].startswith("Campaigns,Visitors,Visits")
    assert {line.split(",")[0] for line in text.splitlines()[1:]} == {"spring", "may"}


def test_a_large_file_tells_how_far_it_is_and_can_be_stopped(opened: Opened, tmp_path: Path) -> None:
    rows = "".join(f"{n},2026-10-{1 + n % 28:02d} 10:00,Paid,{n % 900},+48600{n:06d}\n" for n in range(80_000))
    file = tmp_path / "deals.csv"
    file.write_text(f"id,created_at,stage,amount,phone\n{rows}")
    page = opened("/deals")
    page.set_input_files("[name=file]", file)
    page.get_by_role("button", name="Upload file").focus()
    page.keyboard.press("Enter")
    box = page.locator("form:has([name=file]) .work")
    expect(box.locator("span")).to_contain_text("left", timeout=15_000)
    assert 0 < box.locator("progress").evaluate("bar => bar.value") < 1
    stop = box.get_by_role("button", name="Cancel import")
    stop.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".field:has([name=file]) .told")).to_contain_text(
        "The import was cancelled. Nothing was imported."
    )
    expect(box).to_be_hidden()
    file.write_text("id,created_at,stage,amount\n1,2026-10-01 10:00,Paid,5\n")
    page.set_input_files("[name=file]", file)
    page.get_by_role("button", name="Upload file").click()
    expect(page.locator("#draft")).to_contain_text("Nothing is applied yet")
    page.locator("#draft").get_by_role("button", name="Apply").click()
    expect(page.locator("[role=status]").first).to_contain_text("You can undo it")
    page.locator("#imports summary").first.click()
    page.locator("#imports").get_by_role("button", name="Undo import").click()
    expect(page.locator("[role=status]").first).to_contain_text("The import of “deals.csv” is undone.")


def test_a_click_without_a_network_is_told_where_the_eye_is_and_can_be_repeated(opened: Opened) -> None:
    page = opened("/changes", "pl")
    page.fill("[name=title]", "Said twice, noted once")
    page.select_option("select[name=kind]", "content")
    page.context.set_offline(True)
    page.locator("form:has([name=title]) button.button:not(.quiet)").last.click()
    problem = page.locator("#problem[role=alert]")
    expect(problem).to_contain_text("Serwer nie odpowiedział")
    expect(problem).to_be_in_viewport()
    assert page.input_value("[name=title]") == "Said twice, noted once", "nothing typed is lost"
    page.context.set_offline(False)
    problem.get_by_role("button", name="Spróbuj ponownie").click()
    expect(page.locator(".timeline li", has_text="Said twice, noted once")).to_have_count(1)
    expect(problem).to_have_count(0)


def test_a_proxys_error_page_does_not_replace_ours(opened: Opened) -> None:
    page = opened("/traffic")
    page.route("**/traffic/table/**", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    page.locator("[hx-get*='/traffic/table/']").first.dispatch_event("click")
    problem = page.locator("#problem[role=alert]")
    expect(problem).to_contain_text("The server answered with an error")
    expect(problem).to_be_in_viewport()
    assert page.locator("text=Bad gateway").count() == 0
    page.unroute("**/traffic/table/**")
    with page.expect_response("**/traffic/table/**"):
        problem.get_by_role("button", name="Try again").click()
    expect(problem).to_have_count(0)


def test_realtime_says_that_it_stands_still(opened: Opened) -> None:
    page = opened("/realtime")
    expect(page.locator(".when-live")).to_be_visible()
    page.context.set_offline(True)
    expect(page.locator(".when-lost")).to_be_visible()
    expect(page.locator(".when-live")).to_be_hidden()
    page.context.set_offline(False)
    expect(page.locator(".when-live")).to_be_visible()


def test_the_page_of_the_first_visit_says_that_it_stands_still(opened: Opened) -> None:
    page = opened("/start")
    expect(page.locator(".when-lost")).to_be_hidden()
    page.context.set_offline(True)
    expect(page.locator(".when-lost")).to_contain_text("Connection lost.")
    expect(page.locator(".when-lost")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator(".when-lost")).to_be_hidden()


def test_an_invitation_outlasts_a_lost_network(chromium: Browser, served: Served) -> None:
    db = Database(served.records)
    person = store.add_user(db, 1, "lost@acme.example", "Lost", "viewer", None)
    link = links.make(db, person, links.INVITE)
    db.close()
    context = chromium.new_context(base_url=served.url, locale="en-GB")
    page = context.new_page()
    page.goto(f"/link/{link}")
    page.fill("[name=password]", "password")
    page.get_by_role("button", name="Save and sign in").click()
    page.fill("[name=password]", "password12")
    page.get_by_role("button", name="Save and sign in").click()
    expect(page.locator("#told-password")).to_be_visible()
    page.fill("[name=password]", "green thumbs grow")
    context.set_offline(True)
    page.get_by_role("button", name="Save and sign in").click()
    expect(page.locator("#problem[role=alert]")).to_contain_text("The server did not respond.")
    assert page.input_value("[name=password]") == "green thumbs grow"
    context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    page.wait_for_url("**/board**")
    context.close()


@pytest.mark.parametrize("width", [1440, 390])
def test_a_refusal_on_a_scrolled_page_is_seen_and_the_choice_springs_back(opened: Opened, width: int) -> None:
    """The note lay behind the bar, and the page went on showing the role that was refused."""
    page = opened("/settings", width=width)
    role = page.locator("select[name=role][hx-post]").first
    role.scroll_into_view_if_needed()
    page.evaluate("scrollBy(0, 200)")
    role.select_option("viewer")  # of the only admin
    note = page.locator("#problem[role=alert]")
    note.wait_for()
    on_top = """() => {
      const box = document.querySelector("#problem").getBoundingClientRect();
      return Boolean(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)?.closest("#problem"));
    }"""
    assert page.evaluate("scrollY") > 0 and page.evaluate(on_top)
    assert role.input_value() == "admin"


def test_a_role_that_was_lost_springs_back_and_trying_again_sends_it(opened: Opened, served: Served) -> None:
    served.post("/settings/people", name="Jan", email="jan@acme.example", role="viewer")
    page = opened("/settings")
    role = page.get_by_label("Role of Jan")
    again = page.get_by_role("button", name="Try again")
    page.route("**/settings/people/*", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    role.select_option("marketing")
    expect(again).to_be_visible()
    assert role.input_value() == "viewer"
    page.unroute("**/settings/people/*")
    page.context.set_offline(True)
    with page.expect_event("requestfailed"):
        again.click()
    expect(again).to_be_visible()
    assert role.input_value() == "viewer"
    page.context.set_offline(False)
    again.click()
    expect(page.locator("#problem[role=alert]")).to_have_count(0)
    expect(role.locator("option[selected]")).to_have_text("Marketing")


def test_two_notes_of_a_tile_stand_one_below_the_other(opened: Opened) -> None:
    """Side by side they were columns of one or two words."""
    page = opened("/board")
    page.locator(".tile").first.evaluate(
        """tile => tile.innerHTML = '<p class="went"><span>of 81.9% of the revenue</span>'
          + '<span class="why">the newest leads have had no time to close yet</span></p>'"""
    )
    share, why = (page.locator(f".tile .went > span:nth-child({n})").first.bounding_box() for n in (1, 2))
    assert share and why and why["y"] >= share["y"] + share["height"] and why["width"] > 100
