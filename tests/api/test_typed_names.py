"""Whatever people call things, every page shows: signs that are formats elsewhere are letters here."""

import re
from collections.abc import Iterator
from html import escape
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient

from tandem.accounts import store as accounts
from tandem.accounts.model import Site, User
from tandem.accounts.permissions import MAY, SCOPES, Role
from tandem.accounts.store.audit import note
from tandem.app import SLICES
from tandem.attribution import store as reports
from tandem.base import clock, error_pages
from tandem.base.errors import UserError
from tandem.base.translations import LANGUAGES
from tandem.calls.store import pools
from tandem.changes import store as changes
from tandem.changes.model import Change
from tandem.collect import store as goals
from tandem.connections import store as connections
from tandem.core import audit
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.pages import ANYONE, SIGNED_IN
from tests.attribution.test_reports import DEFINITION, RESULT
from tests.routes import PAGES

NAMES = ("%", "100% new", "%s", "%(x)s", "Owner: %(side)s", "{x}", "{{ x }}", "<i>x</i>", "Visits")
"""Formats of Python and of templates, HTML, and words of ours."""
ESCAPED_TWICE = re.compile(r"&amp;(?:lt|gt|amp|quot|#\d+);")


@pytest.fixture
def named(ctx: Context, site: Site, callers: list[Caller]) -> User:
    """Everything that a person can name has each of these names, and the audit log tells of it."""
    user, db = callers[0].user, ctx.database
    assert user is not None
    shop = next(s for s in ctx.systems.values() if s.id == "webhook" and s.area == "crm")
    for i, name in enumerate(NAMES):
        accounts.add_site(db, site.workspace_id, f"key-{i}", name, [f"s{i}.example"], by=user.id)
        accounts.add_user(db, site.workspace_id, f"a{i}@fern.example", name, "viewer", None, by=user.id)
        accounts.make_token(db, user, name, list(SCOPES)[:1])
        goals.add_goal(db, site, name, "event", name, by=user.id)
        change = Change(at=clock.now(), kind="deploy", title=name, author=name, source=name, external_id=f"c{i}")
        changes.add(db, site, change, by=user.id)
        connections.add(ctx, site, shop, name, {"secret": "x"}, by=user.id)
        pools.add_pool(ctx, site, name, ["+48221000000"], by=user.id)
        reports.keep(db, site, name, DEFINITION, RESULT, user.id)
    accounts.change_user(db, user, name=NAMES[1])
    accounts.change_site(db, site, name=NAMES[1], by=user.id)
    ctx.forget_sites()
    return msgspec.structs.replace(user, name=NAMES[1])


@pytest.fixture
def callers(ctx: Context, site: Site) -> list[Caller]:
    """Whoever asks, in place of which a test puts others."""
    signed_in = accounts.sign_in(ctx.database, "ola@fern.example", "a long password")
    assert signed_in is not None
    user = signed_in[0]
    return [Caller(workspace_id=user.workspace_id, user=user, token=None, csrf="x", language="en", theme="auto")]


@pytest.fixture
def client(ctx: Context, callers: list[Caller]) -> Iterator[TestClient[Any]]:
    app = Litestar(
        route_handlers=[route for one in SLICES for route in one.routes],
        dependencies={
            "ctx": Provide(lambda: ctx, sync_to_thread=False),
            "caller": Provide(lambda: callers[0], sync_to_thread=False),
        },
        exception_handlers={UserError: error_pages.user_error},
        openapi_config=None,
    )
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


def test_every_page_shows_whatever_things_are_called(
    client: TestClient[Any], callers: list[Caller], named: User
) -> None:
    wrong = []
    for i, role in enumerate(Role):
        language = LANGUAGES[i % len(LANGUAGES)]
        user = msgspec.structs.replace(named, role=role, language=language)
        callers[0] = msgspec.structs.replace(callers[0], user=user, language=language)
        for page in PAGES:
            if page.may != ANYONE and "{" not in page.address and (page.may == SIGNED_IN or role in MAY[page.may]):
                answer = client.get(f"{page.address}?site=fern")
                if answer.status_code != 200 or "<i>x</i>" in answer.text or ESCAPED_TWICE.search(answer.text):
                    wrong.append((role, language, page.address, answer.status_code))
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_the_audit_log_shows_what_was_typed(
    ctx: Context, site: Site, client: TestClient[Any], callers: list[Caller], name: str
) -> None:
    fields = [*audit.FIELDS, "a field without a label"]
    with ctx.database.write() as c:
        for i in range(50):
            told = {"from": name, "to": name} if i % 2 else name
            note(c, site.workspace_id, callers[0].user_id, name, name, **dict.fromkeys(fields, told))
    shown = escape(name)
    for language in LANGUAGES:
        callers[0] = msgspec.structs.replace(callers[0], language=language)
        answer = client.get("/settings?site=fern")
        assert answer.status_code == 200
        assert answer.text.count(f"<td>{shown}</td>") == 50, "what it was done to"
        assert answer.text.count(f"</span> {shown}</div>") == 25 * len(fields), "one value"
        assert answer.text.count(f"</span> {shown} → {shown}</div>") == 25 * len(fields), "before and after"
