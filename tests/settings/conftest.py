"""Pages of accounts in process: browsers with cookies and our page's proof, and the letters in the outbox."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from litestar import Litestar, Request
from litestar.di import Provide
from litestar.testing import TestClient
from sqlalchemy import select

from tandem.accounts import store
from tandem.accounts.model import Site
from tandem.base import error_pages
from tandem.base.errors import UserError
from tandem.core.auth import COOKIE, Caller, NotSignedIn, caller_of, csrf_of, guard
from tandem.core.context import Context
from tandem.delivery.model import Message
from tandem.delivery.tables import outbox
from tandem.settings.slice import SLICE

PASSWORD = "a long password"
MAIL = {"smtp_host": "localhost", "smtp_from": "tandem@fern.example"}


class Browser:
    """Somebody's browser."""

    def __init__(self, app: Litestar, ctx: Context, agent: str) -> None:
        self.client, self.ctx = TestClient(app, base_url="http://testserver.local"), ctx
        self.client.headers["user-agent"] = agent
        self.client.follow_redirects = False

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, **more)

    def post(self, path: str, **data: str) -> Any:
        cookie = self.client.cookies.get(COOKIE, "")
        return self.client.post(path, data=data, headers={"x-csrf": csrf_of(self.ctx, cookie)})

    def sign_in(self, email: str = "ola@fern.example", password: str = PASSWORD) -> Any:
        return self.post("/sign-in", email=email, password=password)

    @property
    def is_in(self) -> bool:
        return bool(self.get("/account").status_code == 200)


@pytest.fixture
def mail(ctx: Context) -> None:
    """This installation sends e-mail (nobody takes it: the letters wait in the outbox)."""
    ctx.config = msgspec.structs.replace(ctx.config, **MAIL)


@pytest.fixture
def app(ctx: Context) -> Iterator[Litestar]:
    """The pages."""

    def caller(request: Request[Any, Any, Any]) -> Caller:
        return caller_of(request, ctx)

    stop = SLICE.start(ctx)
    yield Litestar(
        SLICE.routes,
        guards=[guard(ctx)],
        dependencies={
            "ctx": Provide(lambda: ctx, sync_to_thread=False),
            "caller": Provide(caller, sync_to_thread=True),
        },
        exception_handlers={NotSignedIn: error_pages.user_error, UserError: error_pages.user_error},
    )
    stop()


@pytest.fixture
def open_browser(ctx: Context, site: Site, app: Litestar) -> Callable[..., Browser]:
    """Opens browsers on the same pages."""
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
    return lambda agent=firefox: Browser(app, ctx, agent)


@pytest.fixture
def letters(ctx: Context) -> Callable[[], list[tuple[str, Message]]]:
    """The letters that wait: kind and message."""

    def waiting() -> list[tuple[str, Message]]:
        with ctx.database.read() as c:
            found = c.execute(select(outbox.c.kind, outbox.c.sealed).order_by(outbox.c.id)).all()
        return [(kind, msgspec.json.decode(ctx.vault.open(s), type=Message)) for kind, s in found if s]

    return waiting


def acts(ctx: Context) -> list[tuple[str, str]]:
    """What the audit log holds, the newest first: act and who did it."""
    return [(e.act, e.person) for e in store.audit_log(ctx.database, 1)]
