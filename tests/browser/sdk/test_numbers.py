"""Phone numbers in a real Chromium: every written form, links, late content, one visit one number, nothing moves."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Page

from tandem.accounts.model import Site
from tandem.accounts.tag import numbers_tag
from tandem.collect.counter import STATIC

OWN, LENT = "+48225550100", "+48225550277"
FERN = Site(
    id=1, workspace_id=1, key="fern", name="Fern", hosts=("shop.example",), zone="UTC", currency="EUR",
    mode="cookieless", keep_days=100,
)  # fmt: skip
WRITTEN = {
    "+48 22 555 01 00": "+48 22 555 02 77",
    "+48225550100": "+48225550277",
    "+48 (22) 555-01-00": "+48 (22) 555-02-77",
    "0048 22 555 01 00": "0048 22 555 02 77",
    "22 555 01 00": "22 555 02 77",
    "(22) 555-01-00": "(22) 555-02-77",
    "022 555 01 00": "022 555 02 77",
    "22\u00a0555\u00a001\u00a000": "22\u00a0555\u00a002\u00a077",
    "+48 22 555.01.00": "+48 22 555.02.77",
    "+48\u201122\u2011555\u201101\u201100": "+48\u201122\u2011555\u201102\u201177",
    "22/555 01 00": "22/555 02 77",
    "Call 225550100 now": "Call 225550277 now",
}
"""How a page may write the number, and what must stand there then."""
LEFT_ALONE = ["+48 22 555 01 001", "+48 22 555 01 09", "2255501", "order 1225550100777"]


class Lender:
    """A site with a page of numbers, and the answers of /t/number."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {"swap": {OWN: LENT}, "reveal": "at_once"}
        self.wait_s, self.attributes = 0.0, ""
        lender = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path.startswith("/t/numbers.js"):
                    return self._send((STATIC / "numbers.js").read_bytes(), "text/javascript")
                self._send(lender.html().encode(), "text/html; charset=utf-8")

            def do_POST(self) -> None:
                lender.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                time.sleep(lender.wait_s)
                self._send(json.dumps(lender.answer).encode(), "application/json")

            def _send(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def html(self) -> str:
        forms = "".join(f"<p class=form>{text}</p>" for text in WRITTEN)
        alone = "".join(f"<p class=alone>{text}</p>" for text in LEFT_ALONE)
        tag = numbers_tag("", FERN, [OWN]).replace("></script>", f" {self.attributes}></script>")
        return f"""<!doctype html><meta charset=utf-8><title>Shop {OWN}</title>{tag}
<h1>Fern</h1><a id=link href="tel:{OWN}" title="Call +48 22 555 01 00">Call us</a>
<a id=spread href="tel:0048225550100"><b>+48 22</b> <i>555 01 00</i></a><input id=input value="{OWN}">
{forms}{alone}<div id=late></div><div style="height:3000px"></div>"""

    def acts(self) -> list[str]:
        return [asked["k"] for asked in self.asked]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def lender() -> Iterator[Lender]:
    made = Lender()
    yield made
    made.close()


def swapped(page: Page) -> None:
    page.wait_for_function("document.querySelector('#link').href.endsWith('277')", timeout=8000)


def test_every_written_form_keeps_its_form(page: Page, lender: Lender) -> None:
    page.goto(lender.url)
    swapped(page)
    assert page.locator(".form").all_inner_texts() == list(WRITTEN.values())
    assert page.locator(".alone").all_inner_texts() == LEFT_ALONE


def test_links_titles_and_numbers_spread_over_elements_are_exchanged(page: Page, lender: Lender) -> None:
    page.goto(lender.url)
    swapped(page)
    assert page.locator("#link").get_attribute("href") == f"tel:{LENT}"
    assert page.locator("#link").get_attribute("title") == "Call +48 22 555 02 77"
    assert page.locator("#spread").get_attribute("href") == f"tel:{LENT}"
    assert page.locator("#spread").inner_text() == "+48 22 555 02 77"
    assert page.locator("#spread b").inner_text() == "+48 22"
    assert page.locator("#input").input_value() == OWN  # what people type is theirs


def test_what_comes_later_is_exchanged_too(page: Page, lender: Lender) -> None:
    page.goto(lender.url)
    swapped(page)
    page.evaluate(
        "document.querySelector('#late').innerHTML = '<p>or <a href=\"tel:+48225550100\">22 555 01 00</a></p>'"
    )
    page.wait_for_function("document.querySelector('#late').innerText.includes('22 555 02 77')")
    assert page.locator("#late a").get_attribute("href") == f"tel:{LENT}"
    page.evaluate("document.querySelector('h1').firstChild.nodeValue = 'Ring 22-555-01-00'")
    page.wait_for_function("document.querySelector('h1').innerText === 'Ring 22-555-02-77'")


def test_nobody_sees_one_number_become_another_and_nothing_moves(page: Page, lender: Lender) -> None:
    lender.wait_s = 0.15
    page.add_init_script("""window.shown = new Set(); window.moved = 0;
      new PerformanceObserver((l) => l.getEntries().forEach((e) => { window.moved += e.value; }))
        .observe({type: "layout-shift", buffered: true});
      const look = () => { const e = document.querySelector(".form");
        if (e && getComputedStyle(e).visibility === "visible") window.shown.add(e.innerText);
        requestAnimationFrame(look); };
      requestAnimationFrame(look);""")
    page.goto(lender.url)
    swapped(page)
    page.wait_for_timeout(200)
    assert page.evaluate("window.moved") == 0
    first = page.evaluate("Array.from(window.shown)")
    page.goto(lender.url + "?page=2")  # remembered: exchanged before anything is asked
    swapped(page)
    page.wait_for_timeout(100)
    assert page.evaluate("Array.from(window.shown)")[-1] == "+48 22 555 02 77"
    assert page.evaluate("window.moved") == 0
    assert first[-1] == "+48 22 555 02 77"


def test_a_slow_answer_leaves_the_pages_own_number_in_sight(page: Page, lender: Lender) -> None:
    lender.wait_s = 1.5
    page.goto(lender.url)
    page.wait_for_timeout(700)
    assert page.evaluate("getComputedStyle(document.querySelector('.form')).visibility") == "visible"
    assert page.locator(".form").first.inner_text() == "+48 22 555 01 00"
    swapped(page)


@pytest.mark.parametrize("answer", [{}, {"swap": {}}, {"swap": {"+49301234567": LENT}}])
def test_a_visit_that_is_lent_nothing_sees_the_pages_own_number(
    page: Page, lender: Lender, answer: dict[str, Any]
) -> None:
    lender.answer = answer
    page.goto(lender.url)
    page.wait_for_timeout(600)
    assert page.locator(".form").first.inner_text() == "+48 22 555 01 00"
    assert page.evaluate("getComputedStyle(document.querySelector('.form')).visibility") == "visible"


def test_on_scroll_no_number_is_taken_before_somebody_scrolls(page: Page, lender: Lender) -> None:
    lender.attributes = "data-reveal=scroll"
    page.goto(lender.url)
    page.wait_for_timeout(300)
    assert lender.asked == []
    page.mouse.wheel(0, 400)
    swapped(page)
    assert lender.acts() == ["ask"]


def test_a_tap_is_told(page: Page, lender: Lender) -> None:
    page.goto(lender.url)
    swapped(page)
    page.evaluate("document.querySelector('#link').addEventListener('click', (e) => e.preventDefault())")
    page.click("#link")
    page.wait_for_timeout(200)
    assert lender.acts()[-1] == "tap"
    assert set(lender.asked[-1]) >= {"s", "c", "m", "k", "u"}


def test_without_an_answer_the_page_stays_as_it_was(page: Page, lender: Lender) -> None:
    page.route("**/t/number", lambda route: route.abort())
    page.goto(lender.url)
    page.wait_for_timeout(500)
    assert page.locator(".form").first.inner_text() == "+48 22 555 01 00"
    assert page.evaluate("getComputedStyle(document.querySelector('.form')).visibility") == "visible"


def test_another_country_is_written_plainly_where_the_lengths_differ(page: Page, lender: Lender) -> None:
    lender.answer = {"swap": {OWN: "+4930123456789"}}
    page.goto(lender.url)
    page.wait_for_function("document.querySelector('#link').href.endsWith('789')")
    assert page.locator(".form").first.inner_text() == "+4930123456789"


def test_the_script_is_small() -> None:
    import gzip

    assert len(gzip.compress((STATIC / "numbers.js").read_bytes(), 9)) < 3000
