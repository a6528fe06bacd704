"""The first hour in a browser: a fresh server is claimed by pasting an address, and shows its first visit."""

import time
from pathlib import Path

import httpx
import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.served import started

from .conftest import AGENT, WIDER, is_error

pytestmark = pytest.mark.browser
FILLED = {
    "code": "AAAA-BBBB-CCCC", "name": "Ann", "email": "ann@shop.example", "password": "a few plain words",
    "company": "Shop", "host": "our shop!",
}  # fmt: skip


LONG = "checkout_redesign_with_new_payment_methods_v2" * 5
"""Nothing in it lets a line end: what a branch, a page or a person may be called."""


def hit(url: str, key: str, page: str) -> httpx.Response:
    now = time.time_ns() // 1_000_000
    body = {"s": key, "c": now, "l": "en-GB", "e": [{"k": "pageview", "t": now, "u": page, "i": f"{now:016x}"}]}
    return httpx.post(f"{url}/t/hit", content=msgspec.json.encode(body), headers={"user-agent": AGENT.format(120)})


def test_a_fresh_server_is_claimed_and_shows_its_first_visit(chromium: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    folder.mkdir()
    process, url = started(folder)
    context = chromium.new_context(base_url=url, locale="en-GB", timezone_id="Europe/Warsaw")
    errors = list[str]()
    try:
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if is_error(said) else None)
        page.goto("/")
        assert (page.input_value("[name=zone]"), page.input_value("[name=currency]")) == ("Europe/Warsaw", "PLN")
        for name, value in FILLED.items():
            page.fill(f"[name={name}]", value)
        set_up = page.get_by_role("button", name="Set up and show the script")

        page.set_viewport_size({"width": 390, "height": 844})
        page.fill("[name=host]", LONG + "!")
        set_up.click()
        assert LONG[:70] in page.locator("#told-host").inner_text() and page.evaluate(WIDER) == ""
        page.fill("[name=host]", FILLED["host"])
        page.set_viewport_size({"width": 1440, "height": 900})
        set_up.click()
        assert "is wrong" in page.locator("#told-code").inner_text()
        assert "“our” cannot be the address of a site." in page.locator("#told-host").inner_text()
        assert page.locator(".told").count() == 2 and page.locator("#problem[role=alert]").count() == 0
        assert {n: page.input_value(f"[name={n}]") for n in FILLED} == FILLED, "nothing typed is lost"
        assert page.evaluate("document.activeElement.name") == "code"
        assert FILLED["password"] not in page.content()

        page.fill("[name=code]", (folder / "set-up-code").read_text().strip())
        set_up.click()
        assert "“our” cannot be the address of a site." in page.locator("#told-host").inner_text()
        assert page.locator(".told").count() == 1, "what was mended is not told any more"
        assert page.input_value("[name=password]") == FILLED["password"]

        page.fill("[name=host]", "https://www.Shop.Example/de/?utm=x")
        page.locator("details.more summary").click()
        assert page.get_attribute("[name=key]", "placeholder") == "shop"
        set_up.click()
        page.wait_for_url("**/start")
        page.get_by_text("Waiting for the first visit.").wait_for()
        assert 'data-site="shop"' in page.locator("#script code").first.inner_text()
        for guide in ("Google Tag Manager", "WordPress", "Shopify", "Tilda", "1C-Bitrix"):
            assert page.locator("summary", has_text=guide).count() == 1

        assert hit(url, "shoop", "https://shop.example/de/").status_code == 404
        page.get_by_text("1 event named a site that does not exist here.").wait_for()
        assert hit(url, "shop", "https://www.shop.example/de/?utm_source=google&utm_medium=cpc").text == "ok"
        page.get_by_text("It works: visits are being counted.").wait_for()
        seen = page.locator("#seen").inner_text()
        assert all(word in seen for word in ("/de/", "Chrome", "Paid Search")), seen
        page.locator(".steps .is-done", has_text="Get the first visit").wait_for()  # the list ticks by itself
        assert page.locator("#first-steps").count() == 1 and "1 of " in page.locator("#first-steps header").inner_text()

        page.get_by_role("link", name="Open the Board").click()
        page.wait_for_url("**/board**")
        assert page.locator(".steps .is-done").count() == 1
        page.get_by_role("button", name="Hide this list").click()
        page.locator("#first-steps").wait_for(state="detached")
        page.reload()
        assert page.locator("#first-steps").count() == 0
        assert page.locator("[aria-current]", has_text="Executive").count() == 1, "an admin starts in this lens"
        site = httpx.get(f"{url}/api/sites", cookies={c["name"]: c["value"] for c in context.cookies()}).json()[0]
        assert (site["hosts"], site["zone"]) == (["www.shop.example", "shop.example"], "Europe/Warsaw")
        assert [e for e in errors if "404" not in e] == []
        long_words_widen_no_page(context, page, url)
    finally:
        context.close()
        process.terminate()
        process.wait(30)


def long_words_widen_no_page(context: BrowserContext, page: Page, url: str) -> None:
    """One of each kind that a visitor or a user can cause, on a phone; what is wider is told with its page."""
    hit(url, "shop", f"https://shop.example/{LONG}")
    page.goto("/start")
    page.locator("#seen dd", has_text=LONG).wait_for()
    csrf = page.evaluate("document.body.getAttribute('hx-headers:inherited')")
    headers = {**msgspec.json.decode(csrf, type=dict[str, str]), "origin": url}

    def send(path: str, **form: str) -> None:
        answer = context.request.post(path, form=form, headers=headers)
        assert answer.ok, answer.text()

    pool = {"name": LONG[:200], "swaps": "+48 22 555 00 00", "numbers": "+48 22 555 01 00"}
    send("/changes", kind="deploy", title=f"Merge branch {LONG[:100]}", scope=f"/{LONG[:190]}", author=LONG[:100])
    send("/goals", name=LONG[:150], kind="page", match=f"/{LONG}")
    send("/calls/pools", **pool)
    send("/settings/people", name=LONG[:100], email=f"{LONG[:60]}@shop.example", role="viewer")
    send("/account", name=LONG[:100])
    send("/settings/sites", host="long.example", key="long", name=LONG[:200], zone="UTC", currency="EUR", mode="cookie")

    page.set_viewport_size({"width": 390, "height": 844})
    paths = ["start", "changes", "board", "traffic", "goals", "realtime", "calls/pools", "account", "settings", "calls"]
    wide = {}
    for path in [*paths, "board?site=long", "start?site=long", "settings?site=long"]:
        page.goto(f"/{path}")
        wide[path] = page.evaluate(WIDER)
    page.goto("/calls/pools")
    add = page.locator("form", has_text="Add a pool")
    for name, value in (pool | {"name": LONG[1:201], "numbers": "+48 22 555 02 00"}).items():
        add.locator(f"[name={name}]").fill(value)
    add.get_by_role("button", name="Add pool").click()
    page.get_by_text(LONG[1:201]).first.wait_for()
    wide["a pool that was added"] = page.evaluate(WIDER)
    assert {path: parts for path, parts in wide.items() if parts} == {}
