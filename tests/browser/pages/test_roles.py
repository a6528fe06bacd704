"""Each role opens each page that its menu shows, on a phone: nothing is refused, breaks or is wider than the screen.

Languages take turns, so that each role is seen in every language; test_pages.py opens each page in each of them.
"""

from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import Browser

from tandem.accounts import store
from tandem.accounts.permissions import Role
from tandem.base.database import Database
from tandem.core.auth import COOKIE

from .conftest import LOCALES, Served, Window

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def cookies(served: Served) -> Iterator[dict[str, str]]:
    """A session of somebody of each role."""
    db = Database(served.records)
    people = [store.add_user(db, 1, f"{role}@acme.example", f"Somebody of {role}", role, None) for role in Role]
    yield {person.role: store.open_session(db, person) for person in people}
    db.close()


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ADMIN}))
def test_a_role_opens_each_page_of_its_menu(
    chromium: Browser, served: Served, cookies: dict[str, str], role: str
) -> None:
    window, turns = Window(chromium, served.url, {COOKIE: cookies[role]}, "en"), count(sorted(Role).index(role))
    window.look("light", 390)
    board = window.open("/board")
    menu = board.evaluate("[...document.querySelectorAll('nav.side a[title]')].map((a) => a.pathname)")
    assert len(menu) > 5
    for path in sorted({*menu, "/account"}):
        window.speak(list(LOCALES)[next(turns) % len(LOCALES)])
        window.open(path)
        window.look("light", 390)
    window.close()
    assert not window.wrong, "\n".join(window.wrong)
