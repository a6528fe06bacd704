"""What the top bar asks while somebody types: values of a filter, and where to jump."""

from typing import Any

import msgspec
from litestar import Request, Response

from tandem.base.errors import UserError
from tandem.board import queries
from tandem.board.model import TABLES
from tandem.board.routes.view import readable, view_of
from tandem.changes import store as changes
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.layout import render_page
from tandem.core.pages import get_part
from tandem.metrics.catalogue import DIMENSIONS
from tandem.metrics.filter_form import choices_of


@get_part("/values", may="metrics.read")
def values(request: Request[Any, Any, Any], ctx: Context, caller: Caller, by: str, text: str = "") -> Response[str]:
    """The values a filter can have, for the list below its field: each page that shows figures asks for its own."""
    if by not in DIMENSIONS or DIMENSIONS[by].is_time:
        raise UserError("There is no split “%(name)s”.", "Choose one from the list.", status=404, name=by[:60])
    view = view_of(request, ctx, caller)
    chosen = request.query_params.getall("value", [])
    choices = choices_of(ctx, view.address, by, text.strip(), chosen)
    return render_page(
        request, ctx, caller, "_filter_values.html", site=view.address.site, choices=choices, is_asked=True
    )  # fmt: skip


@get_part("/jump", may="metrics.read")
def jump(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[str]:
    """Every page and figure, for the search field."""
    view = view_of(request, ctx, caller)
    return render_page(
        request,
        ctx,
        caller,
        "board/_jump.html",
        site=view.address.site,
        view=view,
        metrics=readable(caller),
        tables=list(TABLES.values()),
    )


@get_part("/search", may="metrics.read")
def search(request: Request[Any, Any, Any], ctx: Context, caller: Caller, q: str = "") -> Response[str]:
    """What the site itself holds of some words: addresses, sources and campaigns of the period, changes, people."""
    view, words = msgspec.structs.replace(view_of(request, ctx, caller), path="/traffic"), q.strip()[:200]
    found = queries.found(ctx, view.address, words) if len(words) > 1 else []
    may_look = len(words) > 1 and caller.may("changes.read")
    done = changes.titled(ctx.database, view.address.site, words, queries.MOST_FOUND) if may_look else []
    return render_page(
        request, ctx, caller, "board/_search.html", site=view.address.site, view=view, words=words, found=found,
        done=done, dimensions=DIMENSIONS,
    )  # fmt: skip


ROUTES = [values, jump, search]
