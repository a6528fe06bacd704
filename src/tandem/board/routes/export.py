"""What a table shows, as a file."""

from typing import Any

from litestar import Request, Response

from tandem.board.routes.questions import asked, listed, remarks, with_ranges
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.exports import exported
from tandem.core.pages import get_part, successor


@get_part("/export", may="metrics.export")
def export(
    request: Request[Any, Any, Any],
    ctx: Context,
    caller: Caller,
    metrics: str = "",
    figures: str = "",
    by: str = "",
    format: str = "csv",
) -> Response[Any]:
    """What a table shows, all rows, as CSV or JSON. `figures` is the former name of `metrics`, until 0.4."""
    address, result, splits = asked(request, ctx, caller, metrics or figures, by)
    asked_for = listed(metrics or figures)
    names = with_ranges(asked_for)
    what, span = by.replace(",", "-") or "total", address.period
    rows = ((*row.key, *(row.metrics[name] for name in names)) for row in result.rows)
    response = exported(
        ctx, caller, address.site, f"{what}-{span.first}-{span.last}", format, (*splits, *names), rows,
        remarks(ctx, address, result, asked_for, splits),
    )  # fmt: skip
    if figures:
        response.headers.update(successor("/export?metrics="))
    return response


ROUTES = [export]
