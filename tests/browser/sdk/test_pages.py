"""Pageviews: loads, in-app navigation, back/forward cache, prerender, not-found pages and searches."""

import time

import pytest
from playwright.sync_api import BrowserContext, Page

from tandem.demo.shop import Shop

from .stub import Recorder

pytestmark = pytest.mark.browser


def test_a_page_load_is_one_pageview_with_everything_the_wire_format_asks_for(
    page: Page, recorder: Recorder, shop: Shop
) -> None:
    page.goto(f"{shop.url}/plants?utm_source=news#top")
    [event] = recorder.wait_for("pageview")
    batch = recorder.accepted[0]
    assert {key: batch[key] for key in ("s", "m", "l", "w", "n")} == {
        "s": "SHOPKEY",
        "m": "cookieless",
        "l": "en-GB",
        "w": 1440,
        "n": 0,
    }
    assert "i" not in batch
    assert abs(batch["c"] - time.time() * 1000) < 10_000 and event["t"] <= batch["c"]
    assert event["u"] == f"{shop.url}/plants?utm_source=news"
    assert event["r"] == "" and "f" not in event
    head = recorder.heads[0]
    assert head["content-type"] == "text/plain" and head["x-forwarded-for"] == "127.0.0.1" and "cookie" not in head


def test_the_next_page_names_the_one_before_as_its_referrer(page: Page, recorder: Recorder, shop: Shop) -> None:
    page.goto(f"{shop.url}/plants")
    recorder.wait_for("pageview")
    page.click("text=Olive tree")
    assert recorder.wait_for("pageview", 2)[1]["r"] == f"{shop.url}/plants"


def test_each_step_of_a_single_page_app_is_a_pageview_and_its_time_belongs_to_the_step_before(
    page: Page, recorder: Recorder, shop: Shop
) -> None:
    page.goto(f"{shop.url}/finder")
    page.click("text=Inside")
    page.click("text=Sundays")
    page.wait_for_selector("text=Ask me again")
    page.evaluate("history.back()")
    views = recorder.wait_for("pageview", 4)
    addresses = [
        f"{shop.url}/finder",
        f"{shop.url}/finder/care?place=indoors",
        f"{shop.url}/finder/match?place=indoors&care=easy",
        f"{shop.url}/finder/care?place=indoors",
    ]
    assert [view["u"] for view in views] == addresses
    assert [view["r"] for view in views] == ["", *addresses[:3]]
    assert [event["u"] for event in recorder.events("engage")] == addresses[:3]
    [found] = recorder.wait_for("event")
    assert (found["n"], found["p"], found["u"]) == ("plant_found", {"plant": "monstera-deliciosa"}, addresses[2])


@pytest.mark.parametrize(
    "missing",
    ["delete window.navigation", "Object.defineProperty(window, 'navigation', {value: {menu: 1}})"],
    ids=["no navigation api", "a variable of the host page"],
)
def test_steps_are_seen_without_the_navigation_api(page: Page, recorder: Recorder, missing: str) -> None:
    page.add_init_script(missing)
    page.goto(recorder.page("/app", "<p>app", tag="data-vitals=off"))
    recorder.wait_for("pageview")
    page.evaluate("history.pushState(0, '', '/app/one')")
    recorder.wait_for("pageview", 2)
    page.evaluate("history.replaceState(0, '', '/app/two')")
    recorder.wait_for("pageview", 3)
    page.evaluate("history.back()")
    recorder.wait_for("pageview", 4)
    paths = [view["u"][len(recorder.url) :] for view in recorder.events("pageview")]
    assert paths == ["/app", "/app/one", "/app/two", "/app"]


def test_a_redirect_of_the_router_or_an_unchanged_address_is_not_another_page(page: Page, recorder: Recorder) -> None:
    page.goto(recorder.page("/app", "<p>app"))
    recorder.wait_for("pageview")
    page.evaluate("history.pushState(0, '', '/app/old'); history.replaceState(0, '', '/app/new')")
    page.wait_for_timeout(100)
    page.evaluate("history.replaceState({scroll: 1}, '', location.href); history.pushState(0, '', '#part')")
    recorder.wait_for("pageview", 2)
    recorder.quiet()
    assert [view["u"][len(recorder.url) :] for view in recorder.events("pageview")] == ["/app", "/app/new"]


def test_hash_routes_count_only_where_the_site_asks_for_them(page: Page, recorder: Recorder) -> None:
    page.goto(recorder.page("/hash", "<a href='#two'>two</a>", tag="data-hash") + "#one")
    page.click("text=two")
    views = recorder.wait_for("pageview", 2)
    assert [view["u"] for view in views] == [f"{recorder.url}/hash#one", f"{recorder.url}/hash#two"]


def test_a_history_call_of_the_host_page_still_returns_and_still_throws(page: Page, recorder: Recorder) -> None:
    page.goto(recorder.page("/app", ""))
    said = page.evaluate(
        "() => { try { history.pushState(0, '', 'https://elsewhere.example/') } catch (e) { return e.name } }"
    )
    assert said == "SecurityError"


def test_a_page_that_comes_back_from_the_back_forward_cache_is_a_new_pageview(page: Page, recorder: Recorder) -> None:
    first = recorder.page("/first", "<script>addEventListener('pageshow', e => window.restored = e.persisted)</script>")
    page.goto(first)
    page.goto(recorder.page("/second", ""))
    recorder.wait_for("pageview", 2)
    page.evaluate("void setTimeout(() => history.back())")  # what goes back at once takes its own answer along
    page.wait_for_url(first, wait_until="commit")
    page.wait_for_function("window.restored !== undefined")  # either way the page is shown, however slowly
    if not page.evaluate("window.restored"):
        pytest.skip("this Chromium did not keep the page")
    view = recorder.wait_for("pageview", 3)[2]
    assert (view["u"], view["r"]) == (first, first)


def test_a_prerendered_page_is_counted_when_it_is_looked_at(page: Page, recorder: Recorder) -> None:
    page.add_init_script("Object.defineProperty(document, 'prerendering', {get: () => !window.looked})")
    page.goto(recorder.page("/soon", "<script>window.tandem('event', 'early')</script>", tag="data-vitals=off"))
    assert recorder.quiet() == []
    page.evaluate("window.looked = true; document.dispatchEvent(new Event('prerenderingchange'))")
    recorder.wait_for("event")
    assert [event["k"] for event in recorder.events()] == ["pageview", "event"]


def test_a_really_prerendered_page_is_counted_once_and_only_after_the_click(
    context: BrowserContext, page: Page, recorder: Recorder
) -> None:
    recorder.page("/next", "<script>window.early = document.prerendering</script>")
    rules = '<script type=speculationrules>{"prerender":[{"urls":["/next"],"eagerness":"immediate"}]}</script>'
    page.goto(recorder.page("/start", f"{rules}<a href=/next>next</a>"))
    page.wait_for_timeout(1500)
    assert [view["u"] for view in recorder.events("pageview")] == [f"{recorder.url}/start"]
    page.click("text=next")
    page.wait_for_url("**/next")
    recorder.wait_for("pageview", 2)
    recorder.quiet()
    assert [view["u"][len(recorder.url) :] for view in recorder.events("pageview")] == ["/start", "/next"]
    if not page.evaluate("window.early"):
        pytest.skip("this Chromium did not prerender the page")


def test_a_not_found_page_says_so(page: Page, recorder: Recorder, shop: Shop) -> None:
    page.goto(f"{shop.url}/no-such-plant")
    assert recorder.wait_for("pageview")[0]["f"] == 404


@pytest.mark.parametrize(
    ("status", "body", "tag", "told"),
    [
        (404, "", "", 404),
        (500, "", "", 500),
        (200, "", "data-status=404", 404),
        (200, "<meta name=tandem-status content=404>", "defer", 404),
        (200, "", "", None),
    ],
    ids=["answered 404", "answered 500", "attribute", "meta", "found"],
)
def test_the_status_comes_from_the_page_or_from_the_answer_itself(
    page: Page, recorder: Recorder, status: int, body: str, tag: str, told: int | None
) -> None:
    page.goto(recorder.page("/odd", body, status=status, tag=tag))
    assert recorder.wait_for("pageview")[0].get("f") == told


def test_a_search_is_recorded_with_its_phrase(page: Page, recorder: Recorder, shop: Shop) -> None:
    page.goto(shop.url)
    page.fill("#q", "  olive tree ")
    page.press("#q", "Enter")
    [search] = recorder.wait_for("search")
    assert search["n"] == "olive tree" and search["u"].startswith(f"{shop.url}/search?q=")


@pytest.mark.parametrize(
    ("tag", "query", "found"),
    [
        ("", "text=fern", ["fern"]),
        ("data-search=wort,term", "q=a&term=b", ["b"]),
        ("data-search", "q=a", []),
        ("", "q=", []),
    ],
)
def test_the_search_parameters_can_be_named(
    page: Page, recorder: Recorder, tag: str, query: str, found: list[str]
) -> None:
    page.goto(recorder.page("/find", "", tag=tag) + "?" + query)
    recorder.wait_for("pageview")
    recorder.quiet()
    assert [event["n"] for event in recorder.events("search")] == found


def test_a_counter_that_is_included_twice_counts_once(page: Page, recorder: Recorder) -> None:
    again = "<script src=/t/tandem.js data-site=K></script><script defer src=/t/tandem.js?2 data-site=K></script>"
    page.goto(recorder.page("/twice", again))
    recorder.wait_for("pageview")
    page.evaluate("history.pushState(0, '', '/twice/deeper')")
    recorder.wait_for("pageview", 2)
    recorder.quiet()
    assert len(recorder.events("pageview")) == 2


def test_local_visits_are_left_out_only_on_request(page: Page, recorder: Recorder) -> None:
    page.goto(recorder.page("/local", "", tag="data-skip-local"))
    page.evaluate("tandem('event', 'x')")
    assert recorder.quiet() == []


def test_a_tag_without_a_site_counts_nothing_and_says_why(page: Page, recorder: Recorder) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    recorder.pages["/bare"] = (200, "<!doctype html><script src=/t/tandem.js></script>", {})
    page.goto(f"{recorder.url}/bare")
    assert recorder.quiet() == []
    assert any("data-site" in text for text in said)
