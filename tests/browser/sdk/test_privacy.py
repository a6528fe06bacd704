"""Three privacy modes, withdrawal, and Global Privacy Control."""

import re
import time

import pytest
from playwright.sync_api import BrowserContext, Page

from tandem.demo.shop import Shop

from .stub import Recorder

pytestmark = pytest.mark.browser

OWN = "Object.keys(localStorage).concat(Object.keys(sessionStorage)).filter(key => key.startsWith('_tdm'))"
GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})"


def tandem_cookie(context: BrowserContext) -> str | None:
    return next((cookie["value"] for cookie in context.cookies() if cookie["name"] == "_tdm"), None)


def test_a_cookieless_visit_leaves_nothing_in_the_browser(
    context: BrowserContext, page: Page, recorder: Recorder
) -> None:
    page.goto(recorder.page("/", ""))
    page.evaluate("tandem('consent', true); tandem('event', 'x')")
    recorder.wait_for("event")
    recorder.quiet()
    assert context.cookies() == [] and page.evaluate(OWN) == []
    assert {batch["m"] for batch in recorder.accepted} == {"cookieless"}


def test_the_cookie_mode_sets_one_first_party_cookie_for_thirteen_months(
    context: BrowserContext, page: Page, recorder: Recorder
) -> None:
    page.goto(recorder.page("/", "", tag="data-mode=cookie"))
    recorder.wait_for("pageview")
    [cookie] = context.cookies()
    assert re.fullmatch(r"[0-9a-f]{16}\.[0-9a-z]{6,7}", cookie["value"])
    assert abs(int(cookie["value"].split(".")[1], 36) - time.time()) < 60
    assert cookie["sameSite"] == "Lax" and cookie["path"] == "/"
    assert (cookie["expires"] - time.time()) / 86400 == pytest.approx(395, abs=1)
    assert recorder.accepted[0]["i"] == cookie["value"]
    page.goto(recorder.page("/again", "", tag="data-mode=cookie"))
    recorder.wait_for("pageview", 2)
    assert {batch["i"] for batch in recorder.accepted} == {cookie["value"]}


def test_consent_upgrades_at_once_and_withdrawal_takes_everything_back(
    context: BrowserContext, page: Page, recorder: Recorder, shop: Shop
) -> None:
    page.goto(f"{shop.url}/plants")
    recorder.wait_for("pageview")
    assert tandem_cookie(context) is None

    page.click("[data-consent=yes]")
    given = recorder.wait(lambda: tandem_cookie(context))
    page.click("text=Olive tree")
    recorder.wait_for("pageview", 2)
    assert recorder.accepted[-1]["i"] == given

    page.click("[data-privacy]")
    page.click("[data-consent=no]")
    recorder.wait(lambda: tandem_cookie(context) is None)
    assert page.evaluate(OWN) == []
    page.evaluate("tandem('event', 'after')")
    recorder.wait(lambda: any(event["n"] == "after" for event in recorder.events("event")))
    page.goto(f"{shop.url}/contact")
    recorder.wait_for("pageview", 3)
    last = [b for b in recorder.accepted if any(e.get("n") == "after" or e["u"].endswith("/contact") for e in b["e"])]
    assert {batch["m"] for batch in last} == {"cookieless"} and tandem_cookie(context) is None


def test_events_before_consent_stay_cookieless(page: Page, recorder: Recorder) -> None:
    page.goto(recorder.page("/", "", tag="data-mode=consent"))
    page.evaluate("tandem('event', 'before'); tandem('consent', true); tandem('event', 'after')")
    recorder.wait_for("event", 2)
    modes = {event["n"]: batch["m"] for batch in recorder.accepted for event in batch["e"] if event["k"] == "event"}
    assert modes == {"before": "cookieless", "after": "cookie"}


def test_consent_given_before_the_counter_arrives_covers_the_first_pageview(page: Page, recorder: Recorder) -> None:
    early = """<!doctype html><script>window.tandem=function(){(tandem.q=tandem.q||[]).push(arguments)};
      tandem('consent', true)</script><script defer src=/t/tandem.js data-site=K data-mode=consent></script>"""
    recorder.pages["/early"] = (200, early, {})
    page.goto(f"{recorder.url}/early")
    recorder.wait_for("pageview")
    assert recorder.accepted[0]["m"] == "cookie"


def test_a_withdrawal_also_takes_the_name_off_what_still_waits(
    context: BrowserContext, page: Page, recorder: Recorder
) -> None:
    recorder.answer = 503
    page.goto(recorder.page("/", "", tag="data-mode=consent"))
    page.evaluate("tandem('consent', true); tandem('event', 'waits')")
    recorder.wait(lambda: any("i" in batch for batch in recorder.refused))
    page.wait_for_timeout(100)
    assert page.evaluate("localStorage.getItem('_tdm.q')") is not None
    page.evaluate("tandem('consent', false)")
    assert page.evaluate("localStorage.getItem('_tdm.q')") is None
    recorder.answer = 202
    recorder.wait_for("event")
    assert all("i" not in batch for batch in recorder.accepted) and context.cookies() == []


def test_a_refusal_in_cookie_mode_lasts_and_can_be_taken_back(
    context: BrowserContext, page: Page, recorder: Recorder
) -> None:
    page.goto(recorder.page("/", "", tag="data-mode=cookie"))
    recorder.wait_for("pageview")
    page.evaluate("tandem('consent', false)")
    page.goto(recorder.page("/again", "", tag="data-mode=cookie"))
    recorder.wait_for("pageview", 2)
    assert context.cookies() == [] and recorder.accepted[-1]["m"] == "cookieless"
    page.evaluate("tandem('consent', true)")
    assert tandem_cookie(context)


@pytest.mark.parametrize("mode", ["cookie", "consent"])
def test_global_privacy_control_means_no_cookie_in_any_mode(
    context: BrowserContext, page: Page, recorder: Recorder, mode: str
) -> None:
    context.add_cookies([{"name": "_tdm", "value": "0123456789abcdef.t5zdkg", "url": recorder.url}])
    page.add_init_script(GPC)
    page.goto(recorder.page("/", "", tag=f"data-mode={mode}"))
    page.evaluate("tandem('consent', true); tandem('event', 'x')")
    recorder.wait_for("event")
    assert context.cookies() == [] and page.evaluate(OWN) == []
    assert {batch["m"] for batch in recorder.accepted} == {"cookieless"}


def test_a_browser_that_blocks_cookies_is_counted_without_one(page: Page, recorder: Recorder) -> None:
    page.add_init_script("Object.defineProperty(Document.prototype, 'cookie', {get: () => '', set: () => {}})")
    page.goto(recorder.page("/", "", tag="data-mode=cookie"))
    recorder.wait_for("pageview")
    assert recorder.accepted[0]["m"] == "cookieless"


def test_a_cookie_that_is_not_ours_is_not_believed(context: BrowserContext, page: Page, recorder: Recorder) -> None:
    context.add_cookies([{"name": "_tdm", "value": "<script>", "url": recorder.url}])
    page.goto(recorder.page("/", "", tag="data-mode=consent"))
    recorder.wait_for("pageview")
    assert "i" not in recorder.accepted[0]
