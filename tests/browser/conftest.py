"""One Playwright for the browser tests of a process: it can be started only once a thread.

TRAP: while it runs, its event loop counts as running, and asyncio.run fails in every other test; so it ends with this
package and not with the session.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Playwright, sync_playwright


@pytest.fixture(scope="package")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright
