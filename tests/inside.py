"""Pages asked in the test's own process, by somebody who is signed in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from litestar import Litestar
from litestar.di import Provide
from litestar.testing import TestClient

from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import error_pages
from tandem.base.errors import UserError
from tandem.core.auth import Caller
from tandem.core.context import Context


@contextmanager
def opened(
    ctx: Context, site: Site, routes: Sequence[Any], email: str = "ola@fern.example"
) -> Iterator[TestClient[Any]]:
    """These routes, as the admin of the fixture `site` sees them, or whoever else signs in with that password."""
    signed_in = accounts.sign_in(ctx.database, email, "a long password")
    assert signed_in is not None
    caller = Caller(
        workspace_id=site.workspace_id, user=signed_in[0], token=None, csrf="x", language="en", theme="auto"
    )
    app = Litestar(
        route_handlers=routes,
        dependencies={
            "ctx": Provide(lambda: ctx, sync_to_thread=False),
            "caller": Provide(lambda: caller, sync_to_thread=False),
        },
        exception_handlers={UserError: error_pages.user_error},
    )
    with TestClient(app) as client:
        yield client


opened_by_admin = opened
