"""What these pages add to the product: their routes, and the warning of a sign-in on a strange device."""

from collections.abc import Callable

from tandem.accounts.model import User
from tandem.core.context import Context
from tandem.core.slice import Slice
from tandem.delivery import smtp
from tandem.settings import letters, provider
from tandem.settings.routes import ROUTES


def _start(ctx: Context) -> Callable[[], None]:
    smtp.check(ctx.config)
    provider.check(ctx.config)
    link = f"{ctx.config.base_url}/account"

    def warn(user: User, kind: str, agent: str) -> None:
        letters.send(ctx, user, kind, agent=agent or "?", link=link)

    ctx.offers.warn_user = warn
    if provider.is_set(ctx.config):
        from tandem.settings import oidc

        ctx.keep(oidc.Client(ctx))
    return lambda: None


SLICE = Slice(name="settings", title="Settings", routes=ROUTES, start=_start)
