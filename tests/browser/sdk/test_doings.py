"""What people do on a page: attention, scrolling, links, forms, events, money, web vitals."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tandem.demo.shop import Shop

from .stub import Event, Recorder

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[3]
TALL = "<div style='height:3000px'>tall</div>"
HIDE = "Object.defineProperty(document, 'visibilityState', {get: () => '%s', configurable: true});"
TOLD = "document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))"


def leave(page: Page) -> None:
    page.goto("about:blank")


def test_engaged_time_is_sent_when_the_page_is_left(still_page: Page, recorder: Recorder) -> None:
    still_page.goto(recorder.page("/read", "<p>short"))
    still_page.clock.run_for(1000)
    leave(still_page)
    [event] = recorder.wait_for("engage")
    assert event["x"] == pytest.approx(1000, abs=50) and event["d"] == 100


def test_engagement_stops_thirty_seconds_after_the_last_sign_of_life(still_page: Page, recorder: Recorder) -> None:
    still_page.goto(recorder.page("/idle", "<p>idle"))
    still_page.clock.run_for(300_000)
    leave(still_page)
    recorder.wait_for("engage")
    assert sum(event["x"] for event in recorder.events("engage")) == pytest.approx(30_000, abs=50)


def test_an_active_reader_is_reported_every_minute_without_counting_a_second_twice(
    still_page: Page, recorder: Recorder
) -> None:
    still_page.goto(recorder.page("/active", "<p>active"))
    for step in range(15):
        still_page.mouse.move(10 + step, 10)
        still_page.clock.run_for(10_000)
    before_leaving = recorder.wait_for("engage", 2)
    assert [round(event["x"] / 1000) for event in before_leaving] == [60, 60]
    leave(still_page)
    recorder.wait_for("engage", 3)
    assert sum(event["x"] for event in recorder.events("engage")) == pytest.approx(150_000, abs=50)


def test_time_in_a_hidden_tab_is_not_engagement(still_page: Page, recorder: Recorder) -> None:
    still_page.goto(recorder.page("/tab", "<p>tab"))
    still_page.clock.run_for(5000)
    still_page.evaluate(HIDE % "hidden" + TOLD)
    [first] = recorder.wait_for("engage")
    still_page.clock.run_for(20_000)
    still_page.evaluate(HIDE % "visible" + TOLD)
    still_page.clock.run_for(4000)
    leave(still_page)
    second = recorder.wait_for("engage", 2)[1]
    assert first["x"] == pytest.approx(5000, abs=50)
    assert second["x"] == pytest.approx(4000, abs=50)


def test_the_deepest_scroll_is_kept_in_percent(page: Page, recorder: Recorder, shop: Shop) -> None:
    page.goto(f"{shop.url}/journal/repotting-without-drama")
    page.click("[data-consent=no]")
    height = page.evaluate("document.documentElement.scrollHeight")
    page.evaluate("scrollTo({top: document.documentElement.scrollHeight / 2, behavior: 'instant'})")
    page.wait_for_timeout(700)
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    page.wait_for_timeout(700)
    leave(page)
    [event] = recorder.wait_for("engage")
    assert event["d"] == pytest.approx(100 * (height / 2 + 900) / height, abs=2)


def test_a_page_that_was_never_seen_has_no_scroll_depth(page: Page, recorder: Recorder) -> None:
    page.add_init_script(HIDE % "hidden")
    page.goto(recorder.page("/behind", TALL))
    recorder.wait_for("pageview")
    leave(page)
    recorder.quiet()
    assert recorder.events("engage") == []


def test_a_link_to_another_host_is_outbound_and_a_link_to_the_own_host_is_not(
    page: Page, recorder: Recorder, shop: Shop
) -> None:
    page.goto(f"{shop.url}/journal/repotting-without-drama")
    page.click("[data-consent=no]")
    page.evaluate("document.addEventListener('click', (event) => event.preventDefault())")  # stay: there is no network
    page.click("text=the plant pages of Kew Gardens")
    [event] = recorder.wait_for("outbound")
    assert event["n"] == "https://www.kew.org/plants"
    assert event["u"] == f"{shop.url}/journal/repotting-without-drama"
    page.goto(shop.url)
    page.click("text=See the plants")
    recorder.quiet()
    assert len(recorder.events("outbound")) == 1


def test_a_click_that_leaves_the_site_at_once_is_not_lost(page: Page, recorder: Recorder) -> None:
    away = recorder.url.replace("127.0.0.1", "localhost") + "/away"
    recorder.pages["/away"] = (200, "<title>away</title>", {})
    page.goto(recorder.page("/", f"<a href={away}>away</a>"))
    page.click("text=away")
    page.wait_for_url(away)
    assert recorder.wait_for("outbound")[0]["n"] == away
    assert len(recorder.wait_for("pageview")) == len(recorder.wait_for("engage")) == 1


def test_links_are_seen_through_middle_clicks_nested_elements_and_stopped_events(
    page: Page, recorder: Recorder
) -> None:
    links = """
      <a id=a href="https://a.example/x" target=_blank><b>deep</b></a>
      <a id=b href="https://b.example/">stopped</a><a id=c href="mailto:x@y.example">mail</a>
      <script>b.onclick = (e) => { e.stopPropagation(); e.preventDefault() }
      c.onclick = a.onauxclick = (e) => e.preventDefault()</script>"""
    page.goto(recorder.page("/links", links))
    page.click("#a b", button="middle")
    page.click("#b")
    page.click("#c")
    recorder.wait_for("outbound", 2)
    recorder.quiet()
    assert [event["n"] for event in recorder.events("outbound")] == ["https://a.example/x", "https://b.example/"]


def test_a_file_is_a_download(page: Page, recorder: Recorder, shop: Shop) -> None:
    page.goto(f"{shop.url}/contact")
    page.click("[data-consent=no]")
    page.click("text=Care guide, 2 pages (PDF)")
    [event] = recorder.wait_for("download")
    assert event["n"] == f"{shop.url}/care-guide.pdf"
    recorder.quiet()
    assert recorder.events("outbound") == []


def test_a_form_is_named_and_nothing_of_its_contents_is_sent(page: Page, recorder: Recorder, shop: Shop) -> None:
    page.goto(f"{shop.url}/contact")
    page.click("[data-consent=no]")
    page.fill("[name=name]", "Zaphod Secret")
    page.fill("#contact [name=email]", "zaphod@secret.example")
    page.fill("[name=message]", "secret words")
    page.click("text=Send")
    page.wait_for_url("**/contact?sent=1")
    [form] = recorder.wait_for("form")
    assert form["n"] == "contact" and set(form) == {"i", "k", "t", "u", "n"}
    leave(page)
    recorder.quiet()
    assert "secret" not in json.dumps(recorder.accepted).lower()


@pytest.mark.parametrize(
    ("attributes", "name"),
    [("id=a name=b action=/c", "a"), ("name=b action=/c", "b"), ("action=/c?token=1", "/c"), ("", "/forms")],
)
def test_a_form_is_called_by_id_then_name_then_path(page: Page, recorder: Recorder, attributes: str, name: str) -> None:
    page.goto(
        recorder.page("/forms", f"<form method=post {attributes}><input name=id value=trap><button>go</button></form>")
    )
    page.click("text=go")
    assert recorder.wait_for("form")[0]["n"] == name


def test_a_purchase_carries_its_amount_once_even_when_the_page_is_reloaded(
    page: Page, recorder: Recorder, shop: Shop
) -> None:
    page.goto(f"{shop.url}/plants/string-of-hearts")
    page.click("[data-consent=no]")
    page.click("text=Add to cart")
    page.click("text=Add to cart")
    page.click("text=Go to cart")
    page.click("text=To the checkout")
    page.fill("[name=name]", "A B")
    page.fill("#checkout [name=email]", "a@b.example")
    page.fill("[name=address]", "Street 1")
    page.click("text=Order and pay")
    page.wait_for_url("**/thank-you")
    page.reload()
    recorder.quiet()
    events = list(
        {event["i"]: event for event in recorder.events("event")}.values()
    )  # a batch sent again keeps its ids
    assert [event["n"] for event in events] == ["added_to_cart", "added_to_cart", "checkout_started", "purchase"]
    assert events[0]["p"] == {"product": "string-of-hearts", "price": 18.5}
    purchase = events[3]
    assert (purchase["a"], purchase["y"], purchase["p"]["pieces"]) == (37, "EUR", 2)
    assert purchase["u"] == f"{shop.url}/thank-you"


def test_declared_events_need_no_script(page: Page, recorder: Recorder, shop: Shop) -> None:
    page.goto(shop.url)
    page.click("[data-consent=no]")
    page.fill("#letters-email", "a@b.example")  # a click into a declared form is not yet the event
    page.press("#letters-email", "Enter")
    page.wait_for_url("**/?joined=1")
    page.click("text=Find my plant")
    events = recorder.wait_for("event", 2)
    recorder.quiet()
    assert [(event["n"], event["p"]) for event in events] == [
        ("newsletter_joined", {"place": "footer"}),
        ("hero_clicked", {"variant": "finder"}),
    ]
    assert len(recorder.events("event")) == 2


def sent(page: Page, recorder: Recorder, call: str) -> Event:
    page.goto(recorder.page("/call", ""))
    page.evaluate(call)
    return recorder.wait_for("event")[0]


def test_properties_are_cut_to_the_limits_of_the_wire(page: Page, recorder: Recorder) -> None:
    event = sent(
        page,
        recorder,
        """tandem('event', 'n'.repeat(300), Object.assign({no: null, yes: true, half: .5, nan: NaN,
            list: [1, 2], ['k'.repeat(99)]: 'v'.repeat(999)},
            Object.fromEntries(Array.from({length: 60}, (_, i) => ['p' + i, i]))))""",
    )
    assert event["n"] == "n" * 200 and len(event["p"]) == 30
    assert event["p"]["yes"] is True and event["p"]["half"] == 0.5 and event["p"]["list"] == "1,2"
    assert event["p"]["nan"] == "NaN" and "no" not in event["p"]
    assert event["p"]["k" * 64] == "v" * 500


@pytest.mark.parametrize(
    ("money", "amount", "currency"),
    [
        ("{amount: '12.50', currency: 'eur'}", 12.5, "EUR"),
        ("{amount: -3}", -3, None),
        ("{amount: 0, currency: 'PLN'}", 0, "PLN"),
        ("{amount: '12,50', currency: 'EUR'}", None, None),
        ("{currency: 'EUR'}", None, None),
    ],
)
def test_an_amount_is_a_number_or_absent(
    page: Page, recorder: Recorder, money: str, amount: float | None, currency: str | None
) -> None:
    event = sent(page, recorder, f"tandem('event', 'paid', null, {money})")
    assert (event.get("a"), event.get("y")) == (amount, currency) and "p" not in event


def test_commands_given_before_the_counter_arrives_are_carried_out(page: Page, recorder: Recorder) -> None:
    early = """<!doctype html><script>window.tandem=window.tandem||function(){(tandem.q=tandem.q||[]).push(arguments)};
      tandem('event', 'early', {n: 1})</script><script defer src=/t/tandem.js data-site=K data-vitals=off></script>"""
    recorder.pages["/early"] = (200, early, {})
    page.goto(f"{recorder.url}/early")
    recorder.wait_for("event")
    assert [(event["k"], event.get("n")) for event in recorder.events()] == [("pageview", None), ("event", "early")]


def test_nonsense_never_reaches_the_host_page(page: Page, recorder: Recorder) -> None:
    page.goto(recorder.page("/odd", "<a href='http://['>bad</a><form action='http://['><button>go</button></form>"))
    page.evaluate("tandem(); tandem('nothing'); tandem('event', Symbol()); tandem('event', 'x', 5, 6); tandem('vital')")
    page.evaluate("document.querySelector('a').click(); dispatchEvent(new Event('pageshow')); tandem('event', 'after')")
    page.wait_for_timeout(300)
    assert "after" in [event["n"] for event in recorder.wait_for("event")]


def test_many_events_travel_in_batches_of_fifty_and_below_the_size_limit(page: Page, recorder: Recorder) -> None:
    page.goto(recorder.page("/many", ""))
    page.evaluate("for (let i = 0; i < 70; i++) tandem('event', 'small', {i})")
    page.evaluate(
        "for (let i = 0; i < 60; i++) tandem('event', 'big', {text: 'ж'.repeat(500), other: '漢'.repeat(500)})"
    )
    recorder.wait(lambda: len(recorder.events("event")) == 130)
    assert len({event["i"] for event in recorder.events()}) == len(recorder.events())


def test_web_vitals_arrive_once_each_through_the_second_file(page: Page, recorder: Recorder, shop: Shop) -> None:
    with page.expect_response("**/t/vitals.js"):
        page.goto(f"{shop.url}/plants")
    page.click("[data-consent=no]")
    page.wait_for_timeout(300)
    leave(page)
    recorder.wait(lambda: {event["n"] for event in recorder.events("vital")} == {"LCP", "INP", "CLS", "TTFB", "FCP"})
    recorder.quiet()
    vitals = recorder.events("vital")
    assert len(vitals) == 5
    assert {event["u"] for event in vitals} == {f"{shop.url}/plants"}
    values = {event["n"]: event["v"] for event in vitals}
    assert 0 < values["FCP"] <= values["LCP"] < 10_000 and 0 <= values["CLS"] < 1 and 0 < values["TTFB"] < 5000


def test_vitals_make_no_request_of_their_own(page: Page, recorder: Recorder) -> None:
    with page.expect_response("**/t/vitals.js"):
        page.goto(recorder.page("/calm", "<p>calm"))
    page.wait_for_timeout(600)
    assert [event["k"] for event in recorder.events()] == ["pageview"]
    page.evaluate("tandem('event', 'x')")
    recorder.wait_for("event")
    assert {event["n"] for event in recorder.accepted[1]["e"]} >= {"TTFB", "FCP", "x"}


def test_vitals_can_be_switched_off(page: Page, recorder: Recorder) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(recorder.page("/plain", "", tag="data-vitals=off"))
    page.wait_for_timeout(500)
    assert not any("vitals" in url for url in asked)


def test_the_site_tells_who_somebody_is_and_the_counter_sends_what_is_asked_for_only(
    page: Page, recorder: Recorder
) -> None:
    page.goto(recorder.page("/account", "<form><input name=phone value='+48 1'></form>"))
    page.evaluate("tandem('identify', {login: 'anna77', phone: '+48 600 100 200', name: 'Anna', card: '4111'})")
    page.evaluate("tandem('identify', {name: 'Anna'}); tandem('identify'); tandem('identify', null)")
    leave(page)
    [event] = recorder.wait_for("identify")
    assert event["p"] == {"login": "anna77", "phone": "+48 600 100 200"}
    assert len(recorder.events("identify")) == 1


def test_a_login_of_nought_is_told(page: Page, recorder: Recorder) -> None:
    page.goto(recorder.page("/account", ""))
    page.evaluate("tandem('identify', {login: 0, crm: false, email: ''})")
    leave(page)
    [event] = recorder.wait_for("identify")
    assert event["p"] == {"login": "0"}


def documented_stub() -> str:
    """What docs/counter.md tells sites to put into their pages."""
    text = (ROOT / "docs" / "counter.md").read_text()
    (found,) = re.findall(r"// Optional: .*?\n(.*?)\n\ntandem\(", text, re.S)
    return str(found)


def test_what_is_told_before_the_counter_comes_survives_leaving_at_once(page: Page, recorder: Recorder) -> None:
    stub = documented_stub()
    recorder.pages["/thanks"] = (
        200,
        f"""<!doctype html><script>{stub}; tandem('event', 'purchase', null, {{amount: 12.5, currency: 'EUR'}});
        tandem('nonsense'); location.href = '/next'</script><script defer src=/never.js data-site=K></script>""",
        {},
    )
    recorder.page("/next", "on we go")
    page.goto(f"{recorder.url}/thanks")
    page.wait_for_url("**/next")
    (purchase,) = recorder.wait_for("event")
    assert (purchase["n"], purchase["a"], purchase["y"]) == ("purchase", 12.5, "EUR")
    assert purchase["u"] == f"{recorder.url}/thanks"
    views = recorder.wait_for("pageview", 2)
    assert [view["u"] for view in views] == [f"{recorder.url}/thanks", f"{recorder.url}/next"]
    assert purchase["t"] <= views[1]["t"]
    page.reload()
    recorder.quiet()
    assert len({event["i"] for event in recorder.events("event")}) == 1, "told once"
    assert page.evaluate("sessionStorage.getItem('_tdm.e')") is None


def test_a_broken_memory_of_an_earlier_page_is_thrown_away(page: Page, recorder: Recorder) -> None:
    recorder.pages["/spoilt"] = (
        200,
        "<!doctype html><script>sessionStorage.setItem('_tdm.e', '[[1,2],null,{')</script>"
        "<script src=/t/tandem.js data-site=K></script>",
        {},
    )
    page.goto(f"{recorder.url}/spoilt")
    recorder.wait_for("pageview")
    assert [event["k"] for event in recorder.events()][:1] == ["pageview"]
    assert page.evaluate("sessionStorage.getItem('_tdm.e')") is None
