"""A real Chromium, a collector that remembers, and the shop in front of it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from tandem.demo.shop import Shop, serve_shop
from tests.browser.chromium import ARGS, CHROMIUM

from .stub import Recorder, assert_wire_format


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


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page in which any uncaught error fails the test: the counter must never be the reason of one."""
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []
