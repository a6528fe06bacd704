"""Whether and how this installation lets people sign in at an OpenID provider; `oidc.py` speaks to it.

Apart from that, because the library for tokens takes a sixth of a second to load, and few installations have one.
"""

from urllib.parse import urlsplit

import msgspec

from tandem.accounts.permissions import Role
from tandem.base.config import Config
from tandem.base.errors import UserError

CALLBACK = "/sign-in/openid/back"
HOLDS_S = 600
"""How long somebody may stay at the provider."""


class Claims(msgspec.Struct, frozen=True):
    """Whom the provider vouches for."""

    email: str
    name: str


def is_set(config: Config) -> bool:
    return bool(config.oidc_issuer and config.oidc_client)


def check(config: Config) -> None:
    """Raises UserError naming the setting of OpenID that does not fit."""
    if not config.oidc_issuer:
        return
    if not is_safe(config.oidc_issuer):
        raise UserError("TANDEM_OIDC_ISSUER does not use https.", "Use an address such as https://login.example.com.")
    if not config.oidc_client:
        raise UserError(
            "TANDEM_OIDC_ISSUER is set, but TANDEM_OIDC_CLIENT is not.", "Set TANDEM_OIDC_CLIENT to Tandem's client ID."
        )
    if config.oidc_role and config.oidc_role not in set(Role):
        raise UserError(f"TANDEM_OIDC_ROLE is “{config.oidc_role}”.", f"Choose one of {', '.join(Role)}.")


def is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1"))
