"""What a table shows, as a file."""

import csv
import io
from typing import Any

from litestar import Request, Response

from tandem.base.csv_cells import safe_cell
from tandem.base.errors import UserError
from tandem.board.routes.questions import asked, counted_anew, listed, plain
from tandem.core.audit import note_act
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.pages import get_part
from tandem.metrics.recounting import NOTES


@get_part("/export", may="metrics.export")
def export(
    request: Request[Any, Any, Any],
    ctx: Context,
    caller: Caller,
    figures: str,
    by: str = "",
    format: str = "csv",
) -> Response[Any]:
    """What a table shows, all rows, as CSV or JSON."""
    address, result, splits = asked(request, ctx, caller, figures, by)
    names = listed(figures)
    what, span = by.replace(",", "-") or "total", address.period
    if format not in ("csv", "json"):
        raise UserError("“%(value)s” is not a format.", "Choose csv or json.", value=format[:20])
    file = f"tandem-{address.site.key}-{what}-{span.first}-{span.last}.{format}"
    note_act(ctx, caller, address.site, "data.exported", file)
    headers = {"content-disposition": f'attachment; filename="{file}"'}
    notes = counted_anew(ctx, address, names, splits)
    if notes:
        headers[NOTES] = "; ".join(notes.values())
    if format == "json":
        rows = [
            dict(zip(splits, map(plain, r.key), strict=True)) | {n: r.figures[n] for n in names} for r in result.rows
        ]
        return Response(rows, media_type="application/json", headers=headers)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*splits, *(notes.get(n, n) for n in names)])
    for row in result.rows:
        writer.writerow(
            [*(_cell(k) for k in row.key), *("" if row.figures[n] is None else row.figures[n] for n in names)]
        )
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: Any) -> str:
    return str(safe_cell(str(plain(value))))


ROUTES = [export]
