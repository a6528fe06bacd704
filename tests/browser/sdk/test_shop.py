"""The shop itself: its pages are whole, and it hands /t/ on as a production proxy would."""

import re
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page

from tandem.demo.shop import Shop, serve_shop

from .stub import Recorder


@pytest.fixture
def lone_shop() -> Iterator[Shop]:
    shop = serve_shop("http://127.0.0.1:9", 0, "SHOPKEY", "cookieless").start()
    yield shop
    shop.stop()


def text(url: str) -> str:
    with urlopen(url) as answer:
        return str(answer.read().decode())


def test_every_page_answers_and_carries_the_counter(lone_shop: Shop) -> None:
    for path in lone_shop.addresses():
        html = text(lone_shop.url + path)
        assert '<script defer src="/t/tandem.js" data-site="SHOPKEY" data-mode="cookieless"></script>' in html
        assert '<noscript><img src="/t/pixel.gif?s=SHOPKEY"' in html
        assert html.count("<h1>") == 1


def test_every_inner_link_leads_somewhere(lone_shop: Shop) -> None:
    links = {
        link
        for path in lone_shop.addresses()
        for link in re.findall(r'(?:href|src)="(/[^"]*)"', text(lone_shop.url + path))
    }
    for link in sorted(links):
        if not link.startswith("/t/"):
            assert urlopen(lone_shop.url + link).status == 200, link


def test_a_page_that_is_not_there_is_a_404_page(lone_shop: Shop) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{lone_shop.url}/plants/cactus")
    assert caught.value.code == 404 and '<meta name="tandem-status" content="404">' in caught.value.read().decode()


@pytest.mark.parametrize("path", ["/assets/../products.json", "/assets/%2e%2e/layout.html", "/assets/nothing.css"])
def test_files_outside_the_assets_are_not_served(lone_shop: Shop, path: str) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(lone_shop.url + path)
    assert caught.value.code == 404


def test_a_searched_phrase_is_shown_as_text(lone_shop: Shop) -> None:
    assert "&lt;script&gt;" in text(f"{lone_shop.url}/search?q=%3Cscript%3E")


def test_addresses_are_clean(lone_shop: Shop) -> None:
    assert urlopen(f"{lone_shop.url}/plants/").url == f"{lone_shop.url}/plants"


def test_a_silent_tandem_is_a_bad_gateway(lone_shop: Shop) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{lone_shop.url}/t/tandem.js")
    assert caught.value.code == 502


def test_the_proxy_adds_the_visitor_to_the_chain_of_addresses(recorder: Recorder, shop: Shop) -> None:
    body = b'{"s":"K","c":1,"m":"cookieless","l":"","w":1,"n":0,"e":[{"i":"0123456789abcdef","k":"pageview","t":1,"u":"http://x/","r":""}]}'
    urlopen(Request(f"{shop.url}/t/hit", body, {"X-Forwarded-For": "203.0.113.9"}))
    assert recorder.heads[0]["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
    assert recorder.heads[0]["x-forwarded-host"] == f"127.0.0.1:{shop.port}"


@pytest.mark.browser
def test_pages_fit_every_screen_and_live_under_a_strict_policy_without_a_complaint(
    page: Page, recorder: Recorder, shop: Shop
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))

    def fits(path: str) -> None:
        page.goto(shop.url + path)
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (path, width)

    for path in shop.addresses():
        fits(path)
    recorder.wait_for("pageview", len(shop.addresses()))
    assert said == []
    fits("/no-such-page")


@pytest.mark.browser
def test_the_way_to_an_order_can_be_walked_by_keyboard(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.url}/pots-and-tools/hand-trowel")
    page.focus("[data-consent=no]")
    page.keyboard.press("Enter")
    page.focus("[data-add]")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cart")
    assert page.inner_text("[data-cart-total]") == "€22.00"
