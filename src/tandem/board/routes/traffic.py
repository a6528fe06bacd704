"""Traffic: a chart of one figure over time, and tables of it by whatever splits it."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
from litestar import Request, Response

from tandem.base import formats, translations, words
from tandem.base.charts import Mark, chart_json
from tandem.base.errors import UserError
from tandem.board import queries
from tandem.board.model import HUES, TABLE_GROUPS, TABLES, TableKind
from tandem.board.routes.view import FILTER_BY, REST_ON_MAIN, formats_of, view_of
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.layout import render_page
from tandem.core.numbers import whole_number
from tandem.core.pages import get_page, get_part
from tandem.metrics.address import View, written
from tandem.metrics.asked import MOST_SHOWN, fitting, moved_to, of_figure
from tandem.metrics.catalogue import FIGURES
from tandem.metrics.comparison import goals_missing, unsettled

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
SHOWN = 10
OF_PEOPLE = ("collect.visits", "collect.visitors", "collect.pageviews")
"""Figures that are none where only robots came."""
KEPT = ("figure", *TABLE_GROUPS, *(f"{g}.{name}" for g in TABLE_GROUPS for name in ("most", "sort", "way", "search")))
"""What the address remembers beside period and filters: of each group the table, and how that is read."""


@get_page("/traffic", "Traffic", icon="chart-line", group="Measure", may="metrics.read", is_at_hand=True)
def traffic(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    view = view_of(request, ctx, caller, KEPT)
    if moved := moved_to(request, ctx, view):
        return moved
    figure = _chart_figure(request)
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
        tables=[_table_facts(ctx, caller, view, kind) for kind in shown],
        groups=TABLE_GROUPS,
        may_export=caller.may("metrics.export"),
        chart_json=_drawn(drawn, view, formats_of(caller), translations.translations(caller.language).gettext),
    )


def _drawn(chart: queries.Chart, view: View, form: formats.Formats, text: Callable[[str], str]) -> str:
    figure, site = FIGURES[chart.figure], view.address.site
    marks = [
        Mark(
            at=at, title=c.title, kind=text(words.WORDS["KINDS"][c.kind]), author=c.author,
            time=form.moment(c.at, site.zone), url=f"{view.to('/changes')}#change-{c.id}",
        )
        for at, c in chart.changes
    ]  # fmt: skip
    before = chart.before[: len(chart.points)] if chart.is_partial else chart.before
    return chart_json(
        form, text(figure.label), figure.unit, site.currency, chart.step, chart.points, before,
        is_partial=chart.is_partial, marks=marks,
    )  # fmt: skip


def _table_facts(ctx: Context, caller: Caller, view: View, kind: TableKind) -> dict[str, Any]:
    """What board/_table.html needs for one table."""
    reading = _reading(caller, view, kind.group)
    kinds = [t for t in TABLES.values() if t.group == kind.group]
    kind = msgspec.structs.replace(kind, figures=view.address.readable(kind.figures))
    table = queries.table(ctx, view.address, kind, reading)
    asked = {"metrics": ",".join(kind.figures), "by": kind.by}
    extra = [written(f) for f in kind.extra]
    export = view.applied.to("/export", **asked, bots="1" if kind.with_bots or view.address.with_bots else None)
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
        "most_shown": MOST_SHOWN,
        "main_goals": {str(g) for g in ctx.runner.main_goals(view.address.site.id)} if kind.by == "goal" else (),
    }


def _reading(caller: Caller, view: View, group: str) -> queries.Reading:
    """How the address wants the table of a group."""
    asked = view.keep.get
    return queries.Reading(
        name=formats_of(caller).member,
        most=max(1, whole_number(asked(f"{group}.most"), SHOWN, MOST_SHOWN)),
        sort=asked(f"{group}.sort", ""),
        is_rising=asked(f"{group}.way") == "up",
        search=asked(f"{group}.search", "").strip()[:200],
    )


def _chart_figure(request: Request[Any, Any, Any]) -> str:
    figure = request.query_params.get("figure", "collect.visits")
    if figure not in FIGURES:
        raise UserError("There is no metric “%(name)s”.", "Choose one from the list.", status=404, name=figure[:60])
    return str(figure)


def _kind(name: str, group: str) -> TableKind:
    table_kind = TABLES.get(name)
    return (
        table_kind if table_kind and table_kind.group == group else next(t for t in TABLES.values() if t.group == group)
    )


@get_part("/traffic/table/{name:str}", may="metrics.read")
def traffic_table(request: Request[Any, Any, Any], ctx: Context, caller: Caller, name: str) -> Response[str]:
    """One table as a fragment: another tab, another order, a search, or all of its rows; the address follows it."""
    if name not in TABLES:
        raise UserError("There is no such table.", "Reload the page.", status=404)
    view = _as_now(request, view_of(request, ctx, caller, KEPT), TABLES[name].group)
    facts = _table_facts(ctx, caller, view, TABLES[name])
    may_export = caller.may("metrics.export")
    part = render_page(
        request, ctx, caller, "board/_table.html", site=view.address.site, may_export=may_export, **facts
    )
    part.headers["HX-Replace-Url"] = facts["view"].link()
    return part


def _as_now(request: Request[Any, Any, Any], view: View, group: str) -> View:
    """The view with the other groups as they are now: since the page came, they may have been sorted too."""
    page = urlsplit(request.headers.get("hx-current-url", ""))
    if page.path != "/traffic":
        return view
    now = {name: value for name, value in parse_qsl(page.query) if name in KEPT}
    own = {name: value for name, value in view.keep.items() if name.partition(".")[0] == group}
    others = {name: value for name, value in now.items() if name.partition(".")[0] != group}
    return msgspec.structs.replace(view, keep=others | own)


ROUTES = [traffic, traffic_table]
