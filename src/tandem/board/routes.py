"""The shared board, traffic, realtime, the list of figures, and the questions API."""

import csv
import io

from typing import Any

import msgspec
from litestar import Request, Response, get

from tandem.accounts.frame import framed, lens_of
from tandem.accounts.guard import Caller, site_for
from tandem.accounts.house import House
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.board import questions
from tandem.board.model import HEADLINES, TABLE_GROUPS, TABLES, TableKind
from tandem.metrics.address import Address, address_of
from tandem.metrics.catalogue import DIMENSIONS, FIGURES
from tandem.metrics.explain import explained
from tandem.metrics.period import NAMES

CHART_FIGURES = (
    "collect.visitors", "collect.visits", "collect.pageviews", "collect.conversions", "collect.revenue", "collect.orders",
    "collect.engagement_rate", "collect.conversion_rate", "collect.lcp_p75", "collect.error_pages",
)  # fmt: skip
MOST_ROWS = 100_000


def _address(request: Request[Any, Any, Any], house: House, caller: Caller) -> Address:
    query = {k: v for k, v in request.query_params.items() if isinstance(v, str)}
    site = site_for(house, caller, query.get("site"))
    return address_of(query, request.query_params.getall("f", []), site, lens_of(request, caller), clock.now())


@get("/board", sync_to_thread=True, include_in_schema=False)
def board(request: Request[Any, Any, Any], house: House, caller: Caller) -> Response[str]:
    caller.must("figures.read")
    address = _address(request, house, caller)
    groups = questions.board_tiles(house, address)
    tiles = {tile.figure.id: tile for _, group in groups for tile in group}
    return framed(
        request, house, caller, "board/board.html", site=address.site, address=address, periods=NAMES, groups=groups,
        headline=[tiles[f] for f in HEADLINES[address.lens]], changes=questions.changes_of(house, address),
    )  # fmt: skip


@get("/traffic", sync_to_thread=True, include_in_schema=False)
def traffic(request: Request[Any, Any, Any], house: House, caller: Caller) -> Response[str]:
    caller.must("figures.read")
    address = _address(request, house, caller)
    figure = _chart_figure(request)
    shown = {g: _kind(request.query_params.get(g, ""), g) for g in TABLE_GROUPS}
    return framed(
        request, house, caller, "board/traffic.html", site=address.site, address=address, periods=NAMES, figure=figure,
        figures=[FIGURES[f] for f in CHART_FIGURES], chart=questions.chart(house, address, figure),
        tables=[(g, [t for t in TABLES.values() if t.group == g], questions.table(house, address, shown[g])) for g in TABLE_GROUPS],
    )  # fmt: skip


def _chart_figure(request: Request[Any, Any, Any]) -> str:
    figure = request.query_params.get("figure", "collect.visits")
    if figure not in FIGURES:
        raise UserError(f"There is no figure “{figure[:60]}”.", "Choose one from the list.", status=404)
    return str(figure)


def _kind(name: str, group: str) -> TableKind:
    found = TABLES.get(name)
    return found if found and found.group == group else next(t for t in TABLES.values() if t.group == group)


@get("/traffic/table/{name:str}", sync_to_thread=True, include_in_schema=False)
def traffic_table(
    request: Request[Any, Any, Any], house: House, caller: Caller, name: str, most: int = 10
) -> Response[str]:
    """One table as a fragment: another tab, or all of its rows."""
    caller.must("figures.read")
    address = _address(request, house, caller)
    if name not in TABLES:
        raise UserError("There is no such table.", "Load the page again.", status=404)
    kind = TABLES[name]
    return framed(
        request, house, caller, "board/_table.html", site=address.site, address=address, group=kind.group,
        kinds=[t for t in TABLES.values() if t.group == kind.group],
        table=questions.table(house, address, kind, min(max(most, 1), MOST_ROWS)),
    )  # fmt: skip


@get("/realtime", sync_to_thread=True, include_in_schema=False)
def realtime(request: Request[Any, Any, Any], house: House, caller: Caller, site: str | None = None) -> Response[str]:
    caller.must("figures.read")
    chosen = site_for(house, caller, site)
    now = clock.now()
    template = "board/_live.html" if request.headers.get("hx-request") else "board/realtime.html"
    return framed(request, house, caller, template, site=chosen, now=now, live=questions.live(house, chosen, now))


@get("/figures", sync_to_thread=True, include_in_schema=False)
def figures(request: Request[Any, Any, Any], house: House, caller: Caller, site: str | None = None) -> Response[str]:
    caller.must("figures.read")
    return framed(
        request, house, caller, "board/figures.html", site=site_for(house, caller, site), figures=list(FIGURES.values()),
        dimensions=list(DIMENSIONS.values()),
    )  # fmt: skip


@get("/explain/{figure:str}", sync_to_thread=True, include_in_schema=False)
def explain(request: Request[Any, Any, Any], house: House, caller: Caller, figure: str) -> Response[str]:
    """The "what is this?" panel of one figure for the address shown."""
    caller.must("figures.read")
    address = _address(request, house, caller)
    explanation = explained(figure, address.question((figure,)))
    result = questions.desk_of(house).ask(address.question((figure,)))
    return framed(
        request, house, caller, "board/_explain.html", site=address.site, explanation=explanation, took_ms=result.took_ms
    )


# ── API ──


class FigureRow(msgspec.Struct, frozen=True):
    """One group of an answer."""

    key: dict[str, Any]
    figures: dict[str, float | int | None]


class FigureAnswer(msgspec.Struct, frozen=True):
    """Rows of a question, with the span in UTC; `rows_total` counts those beyond `most` too."""

    site: str
    since: str
    until: str
    rows: list[FigureRow]
    rows_total: int
    took_ms: float


@get("/api/figures", sync_to_thread=True, tags=["figures"])
def api_figures(
    request: Request[Any, Any, Any], house: House, caller: Caller, figures: str, by: str = "", site: str | None = None,
    period: str = "30d", bots: bool = False, most: int = 1000,
) -> FigureAnswer:  # fmt: skip
    """Any figures of the catalogue over a period, split by dimensions, filtered by `f=channel:is:Direct`.

    `figures` and `by` are lists parted by commas.
    """
    caller.must("figures.read")
    address, result, splits = _asked(request, house, caller, figures, by)
    rows = [FigureRow(dict(zip(splits, map(_plain, r.key), strict=True)), r.figures) for r in result.rows]
    span = address.period
    return FigureAnswer(
        address.site.key, span.since.isoformat(), span.until.isoformat(), rows[: max(0, min(most, MOST_ROWS))], len(rows),
        result.took_ms,
    )  # fmt: skip


@get("/export", sync_to_thread=True, include_in_schema=False)
def export(
    request: Request[Any, Any, Any], house: House, caller: Caller, figures: str, by: str = "", format: str = "csv"  # noqa: A002
) -> Response[Any]:
    """What a table shows, all rows, as CSV or JSON."""
    caller.must("figures.export")
    address, result, splits = _asked(request, house, caller, figures, by)
    names = [f for f in figures.split(",") if f]
    file = f"tandem-{address.site.key}-{by.replace(',', '-') or 'total'}-{address.period.first}-{address.period.last}.{format}"
    headers = {"content-disposition": f'attachment; filename="{file}"'}
    if format == "json":
        rows = [dict(zip(splits, map(_plain, r.key), strict=True)) | {n: r.figures[n] for n in names} for r in result.rows]
        return Response(rows, media_type="application/json", headers=headers)
    if format != "csv":
        raise UserError(f"“{format[:20]}” is not a format.", "Choose csv or json.")
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*splits, *names])
    for row in result.rows:
        writer.writerow([*(_cell(k) for k in row.key), *("" if row.figures[n] is None else row.figures[n] for n in names)])
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _asked(
    request: Request[Any, Any, Any], house: House, caller: Caller, figures: str, by: str
) -> tuple[Address, Any, tuple[str, ...]]:
    names, splits = tuple(f for f in figures.split(",") if f), tuple(b for b in by.split(",") if b)
    if not names:
        raise UserError("The question names no figure.", "Name some, like figures=collect.visits.")
    if len(names) > 30 or len(splits) > 4:
        raise UserError("The question is too wide.", "Ask for 30 figures and 4 splits at most.")
    address = _address(request, house, caller)
    return address, questions.desk_of(house).ask(address.question(names, splits)), splits


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = str(_plain(value))
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


ROUTES = [board, traffic, traffic_table, realtime, figures, explain, api_figures, export]
