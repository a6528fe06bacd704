"""A page's rows as a file: CSV that no spreadsheet works out, or JSON."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from litestar import Response

from tandem.accounts.model import Site
from tandem.base.csv_cells import safe_cell
from tandem.base.errors import UserError
from tandem.core.audit import note_act
from tandem.core.auth import Caller
from tandem.core.context import Context

FORMATS = ("csv", "json")
NOTES = "x-tandem-notes"
"""The header that files and answers for programs say in what is being counted anew."""
Notes = Mapping[str, str]
"""Columns by id, each with the words that stand in its place while it is being counted anew."""


def exported(
    ctx: Context, caller: Caller, site: Site, name: str, format: str, columns: Sequence[str],
    rows: Iterable[Sequence[Any]], notes: Notes | None = None, heads: Mapping[str, str] | None = None,
) -> Response[Any]:  # fmt: skip
    """The rows as a file `tandem-SITE-NAME.FORMAT`; that somebody took it is noted in the audit log.

    columns   what each row's values are, in their order
    heads     what readers of CSV see in place of the columns' ids, with what is to be noted of them
    raises    UserError for a format that is none
    """
    if format not in FORMATS:
        raise UserError("“%(value)s” is not a format.", "Choose csv or json.", value=format[:20])
    file = f"tandem-{site.key}-{name}.{format}"
    note_act(ctx, caller, site, "data.exported", file)
    headers = {"content-disposition": f'attachment; filename="{file}"'}
    if notes:
        headers[NOTES] = "; ".join(notes.values())
    if format == "json":
        objects = [dict(zip(columns, map(plain, row), strict=True)) for row in rows]
        return Response(objects, media_type="application/json", headers=headers)
    shown = {**(notes or {}), **(heads or {})}
    return Response(
        _csv([shown.get(column, column) for column in columns], rows), media_type="text/csv", headers=headers
    )


def plain(value: Any) -> Any:
    """The value as JSON writes it: moments and days by their ISO form."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _csv(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> Any:
    """As a spreadsheet should read it; sums of fractions are rid of what binary arithmetic leaves behind."""
    return float(f"{value:.12g}") if isinstance(value, float) else safe_cell(plain(value))
