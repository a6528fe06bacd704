"""Each role opens each page that its menu shows: nothing is refused, breaks or is wider than the screen.

Languages take turns, so that each role and each page of the menu is seen in every language.
"""

from collections import Counter
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tandem.accounts import store
from tandem.accounts.permissions import Role
from tandem.base.database import Database
from tandem.core.auth import COOKIE

from .accessible import CUT
from .conftest import LOCALES, Served, Window, is_written_in
from .test_pages import IN_MENU

pytestmark = pytest.mark.browser
OTHERS_FIRST = ("ru", "pl", "en")
ROLES = sorted(set(Role) - {Role.ADMIN})


@pytest.fixture(scope="module")
def cookies(served: Served) -> Iterator[dict[str, str]]:
    """A session of somebody of each role; the admin stays the only one, which other tests count on."""
    db = Database(served.records)
    people = [store.add_user(db, 1, f"{role}@acme.example", f"Somebody of {role}", role, None) for role in ROLES]
    yield {person.role: store.open_session(db, person) for person in people}
    db.close()


def test_each_role_opens_each_page_of_its_menu_and_each_page_is_seen_in_each_language(
    chromium: Browser, served: Served, cookies: dict[str, str]
) -> None:
    seen, wrong = Counter[str](), list[str]()
    window = Window(chromium, served.url, {}, "en")  # one for all: each reads every script and style anew
    window.look("light", 390)

    def look_at(path: str) -> Page:
        language = OTHERS_FIRST[seen[path] % len(LOCALES)]
        window.speak(language)
        page = window.open(path)
        widths = (390, 1440) if language != "en" else (390,)  # in English test_pages.py looks at all of them
        for width in widths if window.screen[1] == 390 else reversed(widths):
            window.look("light", width)
            cut = page.evaluate(CUT) if width == 1440 else []
            wrong.extend(f"{path} {language}: {table}" for table in cut)
        assert is_written_in(page, language)
        seen[path] += 1
        return page

    for role in ROLES:
        window.send({COOKIE: cookies[role]})
        menu = look_at("/board").evaluate("[...document.querySelectorAll('nav.side a[title]')].map((a) => a.pathname)")
        assert len(menu) > 5
        for path in sorted({*menu, "/account"} - {"/board"}):
            look_at(path)
        wrong += [f"{role}: {found}" for found in window.wrong]
        window.wrong.clear()
    window.close()
    assert not wrong, "\n".join(wrong)
    assert seen.keys() >= IN_MENU and min(seen.values()) >= 2, "test_pages.py opens these in English alone"
