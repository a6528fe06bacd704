"""The shared board."""

from typing import Any

from litestar import Request, Response

from tandem.board import queries
from tandem.board.model import QUESTIONS, deciding, headline, outcome
from tandem.board.routes.view import FILTER_BY, REST_ON_MAIN, view_of
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.first_steps import first_steps
from tandem.core.layout import render_page
from tandem.core.pages import get_page
from tandem.metrics.asked import moved_to, top_of
from tandem.metrics.comparison import goals_missing


@get_page("/board", "Board", icon="layout-dashboard", group="", may="metrics.read", is_at_hand=True)
def board(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    view = view_of(request, ctx, caller)
    if moved := moved_to(request, ctx, view):
        return moved
    address = view.address
    done = queries.changes_of(ctx, address)
    tiles = queries.board_tiles(ctx, address, done)
    decided = deciding(tiles, address.lens)
    state = outcome(decided, any(tile.value for tile in tiles.values()))
    return render_page(
        request,
        ctx,
        caller,
        "board/board.html",
        **top_of(request, ctx, view, FILTER_BY, has_lens=True),
        groups=queries.in_groups(tiles, address.lens),
        question=QUESTIONS[address.lens],
        headline=headline(tiles, address.lens),
        deciding=decided,
        outcome=state,
        robots=queries.robots(ctx, address) if state == "none" else 0,
        changes=done,
        findings=queries.findings(ctx, caller, address.site),
        is_partial=address.is_partial,
        is_compared=any(tile.compared.before is not None for tile in tiles.values()),
        REST_ON_MAIN=REST_ON_MAIN,
        goals_missing=goals_missing(ctx, address.site),
        first_steps=first_steps(ctx, caller, address.site),
    )


ROUTES = [board]
