"""Traffic: a chart of one figure over time, and tables of it by whatever splits it."""

from collections.abc import Callable
from typing import Any

from litestar import Request, Response

from tandem.base import formats, translations, words
from tandem.base.charts import Mark, chart_json
from tandem.base.errors import UserError
from tandem.board import queries
from tandem.board.model import CHARTED, GROUP_ORDER, TABLE_GROUPS, TABLES
from tandem.board.routes.view import FILTER_BY, REST_ON_MAIN, view_of
from tandem.changes.queries import NEEDS, REVENUE, outage_costs
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.layout import formats_of, render_page
from tandem.core.pages import get_page, get_part
from tandem.metrics.address import Address, View
from tandem.metrics.asked import fitting, moved_to, of_metric, top_of
from tandem.metrics.breakdown import largest_channel
from tandem.metrics.catalogue import METRICS
from tandem.metrics.comparison import goals_missing, unsettled
from tandem.metrics.split_table import Tables

CHART_METRICS = (
    "collect.visitors",
    "collect.visits",
    "collect.pageviews",
    "collect.conversions",
    "collect.revenue",
    "collect.orders",
    "collect.engagement_rate",
    "collect.conversion_rate",
    "collect.lcp_p75",
    "collect.lcp_slow",
    "collect.inp_p75",
    "collect.cls_p75",
    "collect.ttfb_p75",
    "collect.error_pages",
)
OF_PEOPLE = ("collect.visits", "collect.visitors", "collect.pageviews")
"""Figures that are none where only robots came."""
PAGE_TABLES = Tables("/traffic", TABLES, ("figure",))


@get_page("/traffic", "Traffic", icon="chart-line", group="Measure", may="metrics.read", is_at_hand=True)
def traffic(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    view = view_of(request, ctx, caller, PAGE_TABLES.kept)
    if moved := moved_to(request, ctx, view):
        return moved
    metric = _chart_metric(request, view.address)
    charted = fitting(view.address, of_metric(metric))
    drawn = queries.chart(ctx, charted, metric)
    chosen = tuple(dict.fromkeys((*CHART_METRICS, metric)))
    return render_page(
        request,
        ctx,
        caller,
        "board/traffic.html",
        **top_of(request, ctx, view, FILTER_BY, has_lens=True),
        metric=METRICS[metric],
        chart=drawn,
        costs=outage_costs(ctx, caller, view.address.site, [c for _, c in drawn.changes], view.address.now),
        knows_money=caller.may(NEEDS[REVENUE]),
        largest=largest_channel(ctx, charted, metric),
        robots=0 if drawn.value else _left_out(ctx, view.address, metric),
        OF_PEOPLE=OF_PEOPLE,
        unsettled=unsettled(view.address, (metric,)),
        uncharted=charted.unfit[len(view.address.unfit) :],
        REST_ON_MAIN=REST_ON_MAIN,
        goals_missing=goals_missing(ctx, view.address.site),
        metrics=[METRICS[f] for f in view.address.readable(chosen)],
        tables=[
            PAGE_TABLES.facts(ctx, caller, view, PAGE_TABLES.chosen(view, group))
            for group in GROUP_ORDER[view.address.lens]
        ],
        groups=TABLE_GROUPS,
        chart_json=_drawn(drawn, view, formats_of(caller), translations.translations(caller.language).gettext),
    )


def _left_out(ctx: Context, address: Address, metric: str) -> int:
    """Robots' visits, where they are all there was: of people who only bought nothing, a page says that."""
    visits = address.question(("collect.visits",))
    is_alone = metric in OF_PEOPLE or not ctx.runner.ask(visits).total["collect.visits"]
    return queries.robots(ctx, address) if is_alone else 0


def _drawn(chart: queries.Chart, view: View, form: formats.Formats, text: Callable[[str], str]) -> str:
    metric, site = METRICS[chart.metric], view.address.site
    marks = [
        Mark(
            at=at, title=c.title, kind=text(words.WORDS["KINDS"][c.kind]), author=c.author,
            time=form.moment(c.at, site.zone), url=f"{view.log}#change-{c.id}",
        )
        for at, c in chart.changes
    ]  # fmt: skip
    before = chart.before[: len(chart.points)] if chart.is_partial else chart.before
    return chart_json(
        form, text(metric.label), metric.unit, site.currency, chart.step, chart.points, before,
        is_partial=chart.is_partial, marks=marks,
    )  # fmt: skip


def _chart_metric(request: Request[Any, Any, Any], address: Address) -> str:
    usual = CHARTED[address.lens] if address.readable((CHARTED[address.lens],)) else CHARTED["marketing"]
    metric = request.query_params.get("figure", usual)
    if metric not in METRICS:
        raise UserError("There is no metric “%(name)s”.", "Choose one from the list.", status=404, name=metric[:60])
    return str(metric)


@get_part("/traffic/table/{name:str}", may="metrics.read")
def traffic_table(request: Request[Any, Any, Any], ctx: Context, caller: Caller, name: str) -> Response[Any]:
    return PAGE_TABLES.part(request, ctx, caller, view_of(request, ctx, caller, PAGE_TABLES.kept), name)


ROUTES = [traffic, traffic_table]
