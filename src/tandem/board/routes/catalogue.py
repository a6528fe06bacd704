"""The list of metrics, and what each of them means."""

from typing import Any

from litestar import Request, Response, get
from litestar.response import Redirect

from tandem.board.queries import range_of
from tandem.board.routes.questions import successor
from tandem.board.routes.view import readable
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.layout import render_page
from tandem.core.pages import get_page, get_part
from tandem.metrics.asked import address_asked, fitting, of_figure
from tandem.metrics.catalogue import DIMENSIONS, FIGURES
from tandem.metrics.comparison import compared
from tandem.metrics.explain import explained
from tandem.metrics.metric import Unit


@get_page("/metrics", "Metrics", icon="book-open", group="Library", may="metrics.read")
def metrics(request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None) -> Response[str]:
    return render_page(
        request,
        ctx,
        caller,
        "board/metrics.html",
        site=site_for(ctx, caller, site),
        figures=readable(caller),
        dimensions=DIMENSIONS,
        all_figures=FIGURES,
        units=list(Unit),
    )


@get("/figures", may="metrics.read", deprecated=True, include_in_schema=False, sync_to_thread=False)
def figures(request: Request[Any, Any, Any]) -> Redirect:
    """The former address of the page, until 0.4."""
    query = request.url.query
    address = f"/metrics?{query}" if query else "/metrics"
    return Redirect(address, status_code=301, headers=successor("/metrics"))


@get_part("/explain/{figure:str}", may="metrics.read")
def explain(request: Request[Any, Any, Any], ctx: Context, caller: Caller, figure: str) -> Response[str]:
    """The "what is this?" panel of one figure for the address shown."""
    address = address_asked(request, ctx, caller)
    if figure in FIGURES:
        address = fitting(address, of_figure(figure))
    explanation = explained(figure, address.question((figure,)), ctx.runner)
    result = ctx.runner.ask(address.question((figure,)))
    return render_page(
        request,
        ctx,
        caller,
        "board/_explain.html",
        site=address.site,
        explanation=explanation,
        took_ms=result.took_ms,
        compared=compared(ctx, address, (figure,), result.total)[figure],
        range=range_of(result.total, figure),
        address=address,
        figure=FIGURES[figure],
        all_figures=FIGURES,
    )


ROUTES = [metrics, figures, explain]
