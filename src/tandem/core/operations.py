"""What the command line may ask of a running server, because the event store belongs to one process."""

from collections.abc import Callable
from typing import Any

from tandem.accounts.model import Site
from tandem.base.errors import UserError
from tandem.core.context import Context

ProgressReporter = Callable[[float, str], None]
"""Takes the share done, 0 to 1, and what is being done."""
Operation = Callable[[Context, dict[str, Any], ProgressReporter], dict[str, Any]]
"""Takes arguments and gives a result, both as JSON can write them."""


def site_of(ctx: Context, key: str) -> Site | None:
    """The site of this key, or None for no key.

    raises   UserError when there is no such site
    """
    if not key:
        return None
    ctx.forget_sites()
    site = ctx.sites().get(key)
    if site is None:
        keys = ", ".join(sorted(ctx.sites())) or "none yet"
        raise UserError(f"There is no site “{key}”.", f"Known sites: {keys}.", status=404)
    return site
