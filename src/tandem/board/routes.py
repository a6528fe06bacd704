"""The shared board, traffic, realtime, the list of figures, and the questions API."""

import csv
import io
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get
from litestar.response import Redirect

from tandem.base import clock, formats, translations, words
from tandem.base.csv_cells import safe_cell
from tandem.base.errors import UserError
from tandem.board import queries
from tandem.board.model import HEADLINES, HUES, QUESTIONS, TABLE_GROUPS, TABLES, TableKind, outcome
from tandem.core.audit import note_act
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.first_steps import first_steps
from tandem.core.layout import render_page
from tandem.core.pages import get_page, get_part
from tandem.metrics.address import Address, View, written
from tandem.metrics.asked import address_asked, fitting, of_figure, of_visits
from tandem.metrics.catalogue import DIMENSIONS, FIGURES, needed
from tandem.metrics.comparison import NOTES, Compared, anew, compared, goals_missing, recounting, unsettled
from tandem.metrics.explain import explained
from tandem.metrics.metric import Figure, Unit
from tandem.metrics.period import Period

CHART_FIGURES = (
    "collect.visitors",
    "collect.visits",
    "collect.pageviews",
    "collect.conversions",
    "collect.revenue",
    "collect.orders",
    "collect.engagement_rate",
    "collect.conversion_rate",
    "collect.lcp_p75",
    "collect.error_pages",
)
OF_PEOPLE = ("collect.visits", "collect.visitors", "collect.pageviews")
"""Figures that are none where only robots came."""

REST_ON_MAIN = ("collect.conversions", "collect.converted_visits", "collect.conversion_rate")
MOST_ROWS = 100_000
FILTER_BY = (
    "channel",
    "source",
    "medium",
    "campaign",
    "term",
    "content",
    "referrer",
    "page",
    "entry",
    "exit",
    "goal",
    "action",
    "country",
    "city",
    "language",
    "device",
    "browser",
    "os",
    "loyalty",
    "host",
)
"""The dimensions that the top bar offers as filters; the address takes all."""


def _address(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Address:
    return address_asked(request, ctx, caller)


def _view(request: Request[Any, Any, Any], ctx: Context, caller: Caller, keep: tuple[str, ...] = ()) -> View:
    asked = request.query_params
    kept = {name: str(asked[name]) for name in keep if asked.get(name)}
    return View(path=request.url.path, address=fitting(_address(request, ctx, caller), of_visits), keep=kept)


def _form(caller: Caller) -> formats.Formats:
    return formats.Formats(caller.language if caller.language in translations.LANGUAGES else "en")


@get_page("/board", "Board", icon="layout-dashboard", group="", may="metrics.read", is_at_hand=True)
def board(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    view = _view(request, ctx, caller)
    if moved := view.asked_for(request.query_params):
        return Redirect(moved)
    address = view.address
    done = queries.changes_of(ctx, address)
    groups = queries.board_tiles(ctx, address, done)
    tiles = {tile.figure.id: tile for _, group in groups for tile in group}
    headline = [tiles[f] for f in HEADLINES[address.lens] if f in tiles]
    told = outcome(headline, any(tile.value for tile in tiles.values()))
    return render_page(
        request,
        ctx,
        caller,
        "board/board.html",
        **view.top(FILTER_BY, ctx.offers.goal_names(address.site)),
        groups=groups,
        question=QUESTIONS[address.lens],
        headline=headline,
        outcome=told,
        robots=queries.robots(ctx, address) if told == "none" else 0,
        changes=done,
        findings=queries.findings(ctx, caller, address.site),
        is_partial=address.is_partial,
        REST_ON_MAIN=REST_ON_MAIN,
        goals_missing=goals_missing(ctx, address.site),
        first_steps=first_steps(ctx, caller, address.site),
    )


@get_page("/traffic", "Traffic", icon="chart-line", group="Measure", may="metrics.read", is_at_hand=True)
def traffic(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    view = _view(request, ctx, caller, ("figure", *TABLE_GROUPS))
    if moved := view.asked_for(request.query_params):
        return Redirect(moved)
    figure, reading = _chart_figure(request), queries.Reading(name=_form(caller).member)
    shown = [_kind(request.query_params.get(g, ""), g) for g in TABLE_GROUPS]
    charted = fitting(view.address, of_figure(figure))
    drawn = queries.chart(ctx, charted, figure)
    chosen = tuple(dict.fromkeys((*CHART_FIGURES, figure)))
    return render_page(
        request,
        ctx,
        caller,
        "board/traffic.html",
        **view.top(FILTER_BY, ctx.offers.goal_names(view.address.site)),
        figure=FIGURES[figure],
        chart=drawn,
        largest=queries.largest_channel(ctx, charted, figure),
        robots=queries.robots(ctx, view.address) if figure in OF_PEOPLE and not drawn.value else 0,
        unsettled=unsettled(view.address, (figure,)),
        uncharted=charted.unfit[len(view.address.unfit) :],
        REST_ON_MAIN=REST_ON_MAIN,
        goals_missing=goals_missing(ctx, view.address.site),
        figures=[FIGURES[f] for f in view.address.readable(chosen)],
        tables=[_table_facts(ctx, view, kind, reading) for kind in shown],
        groups=TABLE_GROUPS,
        may_export=caller.may("metrics.export"),
        chart_json=_drawn(drawn, view, _form(caller), translations.translations(caller.language).gettext),
    )


def _drawn(chart: queries.Chart, view: View, form: formats.Formats, text: Callable[[str], str]) -> str:
    """What web/static/chart.js draws, with all texts written in the reader's language."""
    figure, site = FIGURES[chart.figure], view.address.site
    before = chart.before[: len(chart.points)] if chart.is_partial else chart.before
    length = max(len(chart.points), len(before))
    ticks = [b for b, _ in chart.points] + [b for b, _ in before[len(chart.points) :]]
    drawn = {
        "figure": text(figure.label),
        "unit": figure.unit,
        "currency": site.currency,
        "isPartial": chart.is_partial,
        "ticks": [form.tick(b, chart.step) for b in ticks[:length]],
        "names": [form.bucket(b, chart.step) for b, _ in chart.points],
        "values": [v for _, v in chart.points],
        "texts": [form.figure(v, figure.unit, site.currency) for _, v in chart.points],
        "before": [v for _, v in before],
        "beforeNames": [form.bucket(b, chart.step) for b, _ in before],
        "beforeTexts": [form.figure(v, figure.unit, site.currency) for _, v in before],
        "marks": [
            {
                "at": at,
                "title": c.title,
                "kind": text(words.WORDS["KINDS"][c.kind]),
                "author": c.author,
                "time": form.moment(c.at, site.zone),
                "url": f"{view.to('/changes')}#change-{c.id}",
            }
            for at, c in chart.changes
        ],
    }
    return msgspec.json.encode(drawn).decode()


def _table_facts(ctx: Context, view: View, kind: TableKind, reading: queries.Reading) -> dict[str, Any]:
    """What board/_table.html needs for one table."""
    kinds = [t for t in TABLES.values() if t.group == kind.group]
    kind = msgspec.structs.replace(kind, figures=view.address.readable(kind.figures))
    table = queries.table(ctx, view.address, kind, reading)
    figures = {"figures": ",".join(kind.figures), "by": kind.by}
    extra = [written(f) for f in kind.extra]
    export = view.applied.to("/export", **figures, bots="1" if kind.with_bots or view.address.with_bots else None)
    export += "".join(f"&{urlencode({'f': f})}" for f in extra)
    page = msgspec.structs.replace(view, path="/traffic", keep=view.keep | {kind.group: kind.id})
    return {
        "group": kind.group,
        "kind": kind,
        "kinds": kinds,
        "table": table,
        "export": export,
        "view": page,
        "hues": HUES,
        "main_goals": {str(g) for g in ctx.runner.main_goals(view.address.site.id)} if kind.by == "goal" else (),
    }


def _chart_figure(request: Request[Any, Any, Any]) -> str:
    figure = request.query_params.get("figure", "collect.visits")
    if figure not in FIGURES:
        raise UserError("There is no figure “%(name)s”.", "Choose one from the list.", status=404, name=figure[:60])
    return str(figure)


def _kind(name: str, group: str) -> TableKind:
    table_kind = TABLES.get(name)
    return (
        table_kind if table_kind and table_kind.group == group else next(t for t in TABLES.values() if t.group == group)
    )


@get_part("/traffic/table/{name:str}", may="metrics.read")
def traffic_table(
    request: Request[Any, Any, Any],
    ctx: Context,
    caller: Caller,
    name: str,
    most: int = 10,
    sort: str = "",
    way: str = "",
    search: str = "",
) -> Response[str]:
    """One table as a fragment: another tab, another order, a search, or all of its rows."""
    if name not in TABLES:
        raise UserError("There is no such table.", "Load the page again.", status=404)
    view = _view(request, ctx, caller, ("figure", *TABLE_GROUPS))
    reading = queries.Reading(
        name=_form(caller).member,
        most=min(max(most, 1), MOST_ROWS),
        sort=sort,
        is_rising=way == "up",
        search=search.strip()[:200],
    )
    return render_page(
        request,
        ctx,
        caller,
        "board/_table.html",
        site=view.address.site,
        may_export=caller.may("metrics.export"),
        **_table_facts(ctx, view, TABLES[name], reading),
    )


@get_part("/values", may="metrics.read")
def values(request: Request[Any, Any, Any], ctx: Context, caller: Caller, by: str, value: str = "") -> Response[str]:
    """The values a new filter can have, for the list below its field: each page that shows figures asks for its own."""
    if by not in DIMENSIONS or DIMENSIONS[by].is_time:
        raise UserError("There is no split “%(name)s”.", "Choose one from the list.", status=404, name=by[:60])
    view = _view(request, ctx, caller)
    found = queries.suggested(ctx, view.address, by, value.strip())
    return render_page(request, ctx, caller, "board/_values.html", site=view.address.site, by=by, found=found)


@get_part("/jump", may="metrics.read")
def jump(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[str]:
    """Every page and figure, for the search field."""
    view = _view(request, ctx, caller)
    return render_page(
        request,
        ctx,
        caller,
        "board/_jump.html",
        site=view.address.site,
        view=view,
        figures=_readable(caller),
        tables=list(TABLES.values()),
    )


def _readable(caller: Caller) -> list[Figure]:
    """The figures that a caller may ask for: no list leads to what they may not read."""
    return [figure for name, figure in FIGURES.items() if all(map(caller.may, needed((name,))))]


@get_page("/realtime", "Realtime", icon="activity", group="Measure", may="metrics.read", is_at_hand=True)
def realtime(request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    now = clock.now()
    template = "board/_live.html" if request.headers.get("hx-request") else "board/realtime.html"
    return render_page(
        request, ctx, caller, template, site=chosen, now=now, live=queries.live(ctx, chosen, now), hues=HUES
    )


@get_page("/metrics", "Metrics", icon="book-open", group="Library", may="metrics.read")
def metrics(request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None) -> Response[str]:
    return render_page(
        request,
        ctx,
        caller,
        "board/metrics.html",
        site=site_for(ctx, caller, site),
        figures=_readable(caller),
        dimensions=DIMENSIONS,
        all_figures=FIGURES,
        units=list(Unit),
    )


@get("/figures", may="metrics.read", include_in_schema=False, sync_to_thread=False)
def figures(request: Request[Any, Any, Any]) -> Redirect:
    """The former address of the page, until 0.4."""
    query = request.url.query
    return Redirect(f"/metrics?{query}" if query else "/metrics", status_code=301)


@get_part("/explain/{figure:str}", may="metrics.read")
def explain(request: Request[Any, Any, Any], ctx: Context, caller: Caller, figure: str) -> Response[str]:
    """The "what is this?" panel of one figure for the address shown."""
    address = _address(request, ctx, caller)
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
        address=address,
        figure=FIGURES[figure],
        all_figures=FIGURES,
    )


# ── API ──


class MetricRow(msgspec.Struct, frozen=True):
    """One group of an answer."""

    key: dict[str, Any]
    metrics: dict[str, float | int | None]


class FigureRow(msgspec.Struct, frozen=True):
    """The same as versions up to 0.3.0 called it."""

    key: dict[str, Any]
    figures: dict[str, float | int | None]


class ComparedOut(msgspec.Struct, frozen=True):
    """A figure against what is like it. Without a `change`, `reason` says why, if there is anything to compare.

    `value` covers `value_since` to `value_until` and `before` as much, `since` to `until`: both up to the day
    `settled`, where newer days still change. `is_clear` says whether the change is more than chance: only then is it a
    rise or a fall.
    """

    since: str
    until: str
    value: float | int | None
    before: float | int | None
    change: float | None
    reason: str
    settled: str | None
    is_clear: bool
    value_since: str
    value_until: str


class MetricAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a question, with the span in UTC; `rows_total` counts those beyond `most` too.

    `recounting` is the share done (0 to 1) while something of the answer is counted anew and therefore mixed; `notes`
    say which metrics.
    `compared` holds each metric of a question without split beside its comparison.
    """

    site: str
    since: str
    until: str
    rows: list[MetricRow]
    rows_total: int
    took_ms: float
    recounting: float | None = None
    compared: dict[str, ComparedOut] = {}
    notes: list[str] = []


class FigureAnswer(MetricAnswer, frozen=True, kw_only=True):
    """The same as versions up to 0.3.0 called it."""

    rows: list[FigureRow]  # type: ignore[assignment]


@get("/api/metrics", may="metrics.read", sync_to_thread=True, tags=["metrics"])
def api_metrics(
    request: Request[Any, Any, Any],
    ctx: Context,
    caller: Caller,
    metrics: str,
    by: str = "",
    site: str | None = None,
    period: str = "30d",
    bots: bool = False,
    most: int = 1000,
) -> MetricAnswer:
    """Any metrics of the catalogue over a period, split by dimensions, filtered by `f=channel:is:Direct`.

    `metrics` and `by` are lists parted by commas.
    """
    return _answer(request, ctx, caller, metrics, by, most)


@get(
    "/api/figures", may="metrics.read", sync_to_thread=True, tags=["metrics"], deprecated=True,
    response_headers={"Deprecation": "true", "Link": '</api/metrics>; rel="successor-version"'},
)  # fmt: skip
def api_figures(
    request: Request[Any, Any, Any],
    ctx: Context,
    caller: Caller,
    figures: str,
    by: str = "",
    site: str | None = None,
    period: str = "30d",
    bots: bool = False,
    most: int = 1000,
) -> FigureAnswer:
    """The former name of `/api/metrics`, answered until 0.4; its rows hold `figures` in place of `metrics`."""
    answer = _answer(request, ctx, caller, figures, by, most)
    facts = {name: getattr(answer, name) for name in MetricAnswer.__struct_fields__ if name != "rows"}
    return FigureAnswer(rows=[FigureRow(row.key, row.metrics) for row in answer.rows], **facts)


def _answer(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, metrics: str, by: str, most: int
) -> MetricAnswer:
    address, result, splits = _asked(request, ctx, caller, metrics, by)
    rows = [MetricRow(dict(zip(splits, map(_plain, r.key), strict=True)), r.figures) for r in result.rows]
    span, names = address.period, _listed(metrics)
    return MetricAnswer(
        site=address.site.key, since=span.since.isoformat(), until=span.until.isoformat(),
        rows=rows[: max(0, min(most, MOST_ROWS))], rows_total=len(rows), took_ms=result.took_ms,
        recounting=recounting(ctx, address.site, names, splits, address.where),
        compared={} if splits else _compared(ctx, address, result.total),
        notes=list(_anew(ctx, address, names, splits).values()),
    )  # fmt: skip


def _anew(ctx: Context, address: Address, names: tuple[str, ...], splits: tuple[str, ...]) -> dict[str, str]:
    """Of these figures those that are being counted anew, each with the words for it."""
    shares = {name: recounting(ctx, address.site, (name,), splits, address.where) for name in names}
    return {name: anew(name, share) for name, share in shares.items() if share is not None}


def _compared(ctx: Context, address: Address, found: dict[str, Any]) -> dict[str, ComparedOut]:
    before = address.before
    if before is None:
        return {}
    span = address.period.so_far(address.now) or address.period
    names = tuple(name for name in found if name in FIGURES)
    return {name: _compared_out(c, span, before) for name, c in compared(ctx, address, names, found).items()}


def _compared_out(c: Compared, span: Period, before: Period) -> ComparedOut:
    span = span if c.settled is None or c.span is None else c.span
    before = c.against or before
    return ComparedOut(
        before.since.isoformat(), before.until.isoformat(), c.value, c.before, c.change,
        c.reason.why if c.reason else "", c.settled.isoformat() if c.settled else None,
        c.is_clear, span.since.isoformat(), span.until.isoformat(),
    )  # fmt: skip


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
    address, result, splits = _asked(request, ctx, caller, figures, by)
    names = _listed(figures)
    what, span = by.replace(",", "-") or "total", address.period
    if format not in ("csv", "json"):
        raise UserError("“%(value)s” is not a format.", "Choose csv or json.", value=format[:20])
    file = f"tandem-{address.site.key}-{what}-{span.first}-{span.last}.{format}"
    note_act(ctx, caller, address.site, "data.exported", file)
    headers = {"content-disposition": f'attachment; filename="{file}"'}
    notes = _anew(ctx, address, names, splits)
    if notes:
        headers[NOTES] = "; ".join(notes.values())
    if format == "json":
        rows = [
            dict(zip(splits, map(_plain, r.key), strict=True)) | {n: r.figures[n] for n in names} for r in result.rows
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


def _asked(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, figures: str, by: str
) -> tuple[Address, Any, tuple[str, ...]]:
    names, splits = _listed(figures), _listed(by)
    if not names:
        raise UserError("The question names no figure.", "Name some, like figures=collect.visits.")
    if len(names) > 30 or len(splits) > 4:
        raise UserError("The question is too wide.", "Ask for 30 figures and 4 splits at most.")
    address = _address(request, ctx, caller)
    question, runner = address.question(names, splits), ctx.runner
    return address, runner.ask_aside(question) if splits else runner.ask(question), splits


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _cell(value: Any) -> str:
    return str(safe_cell(str(_plain(value))))


ROUTES = [
    board, traffic, traffic_table, values, jump, realtime, metrics, figures, explain, api_metrics, api_figures, export,
]  # fmt: skip
