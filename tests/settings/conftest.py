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
from tandem.base import web
from tandem.base.errors import UserError
from tandem.core.auth import COOKIE, Caller, NotSignedIn, caller_of, csrf_of, guard
from tandem.core.context import House
from tandem.delivery.model import Message
from tandem.delivery.tables import outbox
from tandem.settings.slice import SLICE

PASSWORD = "a long password"
MAIL = {"smtp_host": "localhost", "smtp_from": "tandem@fern.example"}


class Browser:
    """Somebody's browser."""

    def __init__(self, app: Litestar, house: House, agent: str) -> None:
        self.client, self.house = TestClient(app, base_url="http://testserver.local"), house
        self.client.headers["user-agent"] = agent
        self.client.follow_redirects = False

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, **more)

    def post(self, path: str, **data: str) -> Any:
        cookie = self.client.cookies.get(COOKIE, "")
        return self.client.post(path, data=data, headers={"x-csrf": csrf_of(self.house, cookie)})

    def sign_in(self, email: str = "ola@fern.example", password: str = PASSWORD) -> Any:
        return self.post("/sign-in", email=email, password=password)

    @property
    def is_in(self) -> bool:
        return bool(self.get("/account").status_code == 200)


@pytest.fixture
def mail(house: House) -> None:
    """This installation sends e-mail (nobody takes it: the letters wait in the outbox)."""
    house.settings = msgspec.structs.replace(house.settings, **MAIL)


@pytest.fixture
def open_browser(house: House, site: Site) -> Iterator[Callable[..., Browser]]:
    """Opens browsers on the same pages."""

    def caller(request: Request[Any, Any, Any]) -> Caller:
        return caller_of(request, house)

    stop = SLICE.start(house)
    app = Litestar(
        SLICE.routes,
        dependencies={
            "house": Provide(lambda: house, sync_to_thread=False),
            "caller": Provide(caller, sync_to_thread=True),
        },
        guards=[guard(house)],
        exception_handlers={NotSignedIn: web.user_error, UserError: web.user_error},
    )
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
    yield lambda agent=firefox: Browser(app, house, agent)
    stop()


@pytest.fixture
def letters(house: House) -> Callable[[], list[tuple[str, Message]]]:
    """The letters that wait: kind and message."""

    def waiting() -> list[tuple[str, Message]]:
        with house.database.read() as c:
            found = c.execute(select(outbox.c.kind, outbox.c.sealed).order_by(outbox.c.id)).all()
        return [(kind, msgspec.json.decode(house.vault.open(s), type=Message)) for kind, s in found if s]

    return waiting


def acts(house: House) -> list[tuple[str, str]]:
    """What the audit log holds, the newest first: act and who did it."""
    return [(e.act, e.person) for e in store.audit_log(house.database, 1)]
