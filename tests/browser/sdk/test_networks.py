"""Bad networks and strict pages: nothing lost, nothing doubled, nothing thrown."""

import json
from collections import Counter
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page

from tandem.demo.shop import Shop

from .stub import Recorder

pytestmark = pytest.mark.browser

KEPT = "JSON.parse(sessionStorage.getItem('_tdm.q') || '[]')"


def kept_pages(page: Page) -> set[str]:
    """Paths whose page views the browser keeps; it knows of a refusal a moment after the server has refused."""
    kept = [event for batch in page.evaluate(KEPT) for event in batch["e"]]
    return {urlsplit(event["u"]).path for event in kept if event["k"] == "pageview"}


def assert_no_id_twice(recorder: Recorder) -> None:
    assert [i for i, times in Counter(event["i"] for event in recorder.events()).items() if times > 1] == []


@pytest.mark.parametrize("failure", [503, 500, 429, "refuse"])
def test_a_failing_collector_gets_the_same_events_again(page: Page, recorder: Recorder, failure: int | str) -> None:
    recorder.answer = failure
    page.goto(recorder.page("/", ""))
    recorder.wait(lambda: recorder.refused)
    recorder.answer = 202
    recorder.wait_for("pageview")
    recorder.quiet()
    first, again = recorder.refused[0], recorder.accepted[0]
    assert again["e"] == first["e"] and (first["n"], again["n"]) == (0, len(recorder.refused))
    assert again["c"] > first["c"]
    assert_no_id_twice(recorder)


def test_a_batch_counts_its_tries_and_waits_longer_each_time(page: Page, recorder: Recorder) -> None:
    recorder.answer = 503
    page.goto(recorder.page("/", "", tag="data-vitals=off"))
    recorder.wait(lambda: len(recorder.refused) >= 3, timeout_s=12)
    tries = recorder.refused[:3]
    assert [batch["n"] for batch in tries] == [0, 1, 2]
    assert tries[2]["c"] - tries[1]["c"] > tries[1]["c"] - tries[0]["c"] >= 1000


def test_what_could_not_be_sent_goes_out_from_the_next_page(page: Page, recorder: Recorder, shop: Shop) -> None:
    recorder.answer = 503
    page.goto(f"{shop.url}/plants")
    recorder.wait(lambda: "/plants" in kept_pages(page))
    page.goto(f"{shop.url}/contact")
    recorder.wait(lambda: "/contact" in kept_pages(page))
    recorder.answer = 202
    page.goto(f"{shop.url}/cart")
    views = recorder.wait_for("pageview", 3)
    recorder.quiet()
    assert {view["u"].rsplit("/", 1)[1] for view in views} == {"plants", "contact", "cart"}
    assert {event["u"].rsplit("/", 1)[1] for event in recorder.events("engage")} >= {"plants", "contact"}
    assert_no_id_twice(recorder)


def test_an_offline_visitor_is_caught_up_with_when_the_network_returns(
    context: BrowserContext, page: Page, recorder: Recorder
) -> None:
    page.goto(recorder.page("/", "", tag="data-vitals=off"))
    recorder.wait_for("pageview")
    page.wait_for_timeout(500)
    context.set_offline(True)
    page.evaluate("tandem('event', 'in the tunnel')")
    page.wait_for_timeout(500)
    assert [batch["e"][0]["n"] for batch in page.evaluate(KEPT)] == ["in the tunnel"]
    context.set_offline(False)
    [event] = recorder.wait_for("event")
    assert event["n"] == "in the tunnel"
    recorder.quiet()
    assert_no_id_twice(recorder)
    assert page.evaluate(KEPT) == []


def test_a_refusal_for_cause_is_final(page: Page, recorder: Recorder) -> None:
    recorder.answer = 413
    page.goto(recorder.page("/", "", tag="data-vitals=off"))
    recorder.wait(lambda: recorder.refused)
    recorder.answer = 202
    page.wait_for_timeout(2500)
    assert recorder.accepted == [] and len(recorder.refused) == 1 and page.evaluate(KEPT) == []


def test_the_queue_keeps_fifty_events_of_one_day(page: Page, recorder: Recorder) -> None:
    recorder.answer = 503
    page.goto(recorder.page("/", ""))
    for number in range(8):
        page.evaluate(f"for (let i = 0; i < 10; i++) tandem('event', 'e{number}')")
        page.wait_for_timeout(350)
    kept = page.evaluate(KEPT)
    names = [event.get("n") for batch in kept for event in batch["e"]]
    assert 40 <= len(names) <= 50 and "e7" in names and "e0" not in names
    page.evaluate(
        """() => { const old = JSON.parse(sessionStorage.getItem('_tdm.q'));
           old.forEach(batch => batch.e.forEach(event => event.t -= 25 * 36e5));
           sessionStorage.setItem('_tdm.q', JSON.stringify(old)) }"""
    )
    recorder.answer = 202
    page.goto(recorder.page("/next", ""))
    recorder.wait_for("pageview")
    recorder.quiet(1.5)
    assert {event["n"] for event in recorder.events("event")} <= {"e0"}


def test_a_broken_queue_is_thrown_away(page: Page, recorder: Recorder) -> None:
    page.add_init_script("try { sessionStorage.setItem('_tdm.q', '[{]') } catch (e) {}")
    page.goto(recorder.page("/", ""))
    recorder.wait_for("pageview")
    page.wait_for_timeout(200)
    assert page.evaluate("sessionStorage.getItem('_tdm.q')") is None


@pytest.mark.parametrize(
    "missing",
    [
        "Object.defineProperty(window, 'sessionStorage', {get() { throw new Error('no storage') }})",
        "delete Navigator.prototype.sendBeacon",
        "delete window.requestIdleCallback",
        "delete window.navigation; Object.defineProperty(window, 'navigation', {value: undefined})",
        "window.PerformanceObserver = undefined",
    ],
    ids=["storage", "beacon", "idle", "navigation", "observer"],
)
def test_a_poorer_browser_still_counts(page: Page, recorder: Recorder, missing: str) -> None:
    page.add_init_script(missing)
    page.goto(recorder.page("/", "", tag="data-vitals=off"))
    recorder.wait_for("pageview")
    page.goto(recorder.page("/next", "", tag="data-vitals=off"))
    recorder.wait_for("pageview", 2)
    assert recorder.wait_for("engage")[0]["u"] == f"{recorder.url}/"


@pytest.mark.parametrize("missing", ["window.fetch = undefined", "window.crypto.getRandomValues = undefined"])
def test_a_browser_that_is_too_old_shows_no_error(page: Page, recorder: Recorder, missing: str) -> None:
    page.add_init_script(missing)
    page.goto(recorder.page("/", ""))
    page.evaluate("tandem('event', 'x')")
    page.wait_for_timeout(400)  # the page fixture fails on any uncaught error


POLICIES = {
    "own files only": ("", "default-src 'none'; script-src 'self'; connect-src 'self'"),
    "nonce": ("nonce=abc", "default-src 'none'; script-src 'nonce-abc'; connect-src 'self'"),
    "strict-dynamic": ("nonce=abc", "script-src 'nonce-abc' 'strict-dynamic'; object-src 'none'; base-uri 'none'"),
}


@pytest.mark.parametrize("policy", POLICIES)
def test_strict_content_security_policies_are_respected(page: Page, recorder: Recorder, policy: str) -> None:
    tag, csp = POLICIES[policy]
    page.add_init_script(
        "window.broken = []; addEventListener('securitypolicyviolation', e => broken.push(e.blockedURI))"
    )
    with page.expect_response("**/t/vitals.js"):
        page.goto(recorder.page("/strict", "<p>strict", tag=tag, Content_Security_Policy=csp))
    recorder.wait_for("pageview")
    page.wait_for_timeout(300)
    assert page.evaluate("broken") == []
    page.goto("about:blank")
    recorder.wait_for("vital", 2)


def test_the_core_fits_into_four_kilobytes() -> None:
    import gzip

    from .stub import STATIC

    assert len(gzip.compress((STATIC / "tandem.js").read_bytes(), 9)) <= 4096
    assert json.loads((STATIC / "versions.json").read_text())["web-vitals"] in (STATIC / "vitals.js").read_text()[:80]
