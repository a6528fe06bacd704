"""A real Chromium, a collector that remembers, and the shop in front of it."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from tandem.demo.shop import Shop, serve_shop
from tests.browser.chromium import ARGS, CHROMIUM

from .stub import Recorder, assert_wire_format

LIKE_A_VISITOR: dict[str, Any] = {"locale": "en-GB", "viewport": {"width": 1440, "height": 900}}


@pytest.fixture(scope="package")
def chromium(driver: Playwright) -> Iterator[Browser]:
    # Playwright switches the back/forward cache off; visitors have it.
    browser = driver.chromium.launch(
        executable_path=CHROMIUM, args=ARGS, ignore_default_args=["--disable-back-forward-cache"]
    )
    yield browser
    browser.close()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.stop()
    for batch in recorder.accepted + recorder.refused:
        assert_wire_format(batch)


@pytest.fixture
def shop(recorder: Recorder) -> Iterator[Shop]:
    shop = serve_shop(recorder.url, 0, "SHOPKEY", "consent").start()
    yield shop
    shop.stop()


@pytest.fixture(scope="package")
def window(chromium: Browser) -> Iterator[BrowserContext]:
    """One for all tests: opening it takes longer than most of them."""
    context = chromium.new_context(**LIKE_A_VISITOR)
    yield context
    context.close()


@pytest.fixture
def context(window: BrowserContext) -> Iterator[BrowserContext]:
    """A visitor who has been nowhere: each recorder is an origin of its own; cookies, which know of no port, go."""
    yield window
    window.clear_cookies()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    yield from watched(context)


@pytest.fixture
def still_page(chromium: Browser) -> Iterator[Page]:
    """A page whose time goes on by ``clock.run_for`` alone: a loaded machine's own seconds count for nothing.

    It stands in a window of its own, for a clock is that of all pages to come.
    """
    context = chromium.new_context(**LIKE_A_VISITOR)
    context.clock.install(time=0)
    context.clock.pause_at(1000)
    yield from watched(context)
    context.close()


def watched(context: BrowserContext) -> Iterator[Page]:
    """A page in which any uncaught error fails the test: the counter must never be the reason of one."""
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []
