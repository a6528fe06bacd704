"""Realtime: who is on the site now."""

from typing import Any

from litestar import Request, Response

from tandem.base import clock
from tandem.board import queries
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.layout import render_page
from tandem.core.pages import get_page


@get_page("/realtime", "Realtime", icon="activity", group="Measure", may="metrics.read", is_at_hand=True)
def realtime(request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    now = clock.now()
    template = "board/_live.html" if request.headers.get("hx-request") else "board/realtime.html"
    return render_page(request, ctx, caller, template, site=chosen, now=now, live=queries.live(ctx, chosen, now))


ROUTES = [realtime]
