"""The list of metrics, and what each of them means."""

import unicodedata
from collections.abc import Callable
from itertools import groupby
from typing import Any

from litestar import Request, Response, get
from litestar.response import Redirect

from tandem.base import translations
from tandem.base.errors import UserError
from tandem.board.queries import range_of
from tandem.board.routes.view import readable
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.layout import render_page
from tandem.core.pages import get_page, get_part, moved
from tandem.imports.problem import sentence
from tandem.metrics.asked import address_asked, fitting, of_metric
from tandem.metrics.catalogue import DIMENSIONS, METRICS
from tandem.metrics.comparison import compared
from tandem.metrics.explain import explained
from tandem.metrics.metric import AnyMetric

FINDINGS = sentence("Findings")
"""The one area of metrics that has no page, whose title would be translated."""


@get_page("/metrics", "Metrics", icon="book-open", group="Library", may="metrics.read")
def metrics(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None, q: str = "", area: str = ""
) -> Response[str]:
    """Every metric by area. A page that is searched holds the others too, hidden: what was typed can be taken back."""
    metrics, text = readable(caller), translations.translations(caller.language).gettext
    titles = {one.name: text(one.title) for one in ctx.slices}
    by_area = {key: list(mine) for key, mine in groupby(sorted(metrics, key=_area), _area)}
    by_area = {name: by_area[name] for name in titles if name in by_area} | by_area  # in the order of the menu
    if area and area not in by_area:
        raise UserError("There is no area “%(name)s”.", "Choose one from the list.", 404, name=area[:60]).at("area")
    words = _plain(q[:200]).split()
    return render_page(
        request, ctx, caller, "board/metrics.html", site=site_for(ctx, caller, site), metrics=metrics,
        areas={name: mine for name, mine in by_area.items() if area in ("", name)}, all_areas=by_area, titles=titles,
        area=area, q=q.strip()[:200], dimensions=DIMENSIONS, all_metrics=METRICS,
        matching={f.id for f in metrics if all(word in _plain(_said(f, text)) for word in words)},
    )  # fmt: skip


def _area(metric: AnyMetric) -> str:
    """The slice that a metric belongs to."""
    return metric.id.partition(".")[0]


def _said(metric: AnyMetric, text: Callable[[str], str]) -> str:
    return " ".join((metric.id, *map(text, (metric.label, metric.marketers, metric.engineers))))


def _plain(text: str) -> str:
    """In small letters without accents, as the page's own search compares them."""
    return "".join(sign for sign in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(sign))


@get("/figures", may="metrics.read", deprecated=True, include_in_schema=False, sync_to_thread=False)
def former_metrics(request: Request[Any, Any, Any]) -> Redirect:
    """The former address of the page, until 0.4."""
    return moved(request, "/metrics")


@get_part("/explain/{metric:str}", may="metrics.read")
def explain(request: Request[Any, Any, Any], ctx: Context, caller: Caller, metric: str) -> Response[str]:
    """The "what is this?" panel of one figure for the address shown."""
    address = address_asked(request, ctx, caller)
    if metric in METRICS:
        address = fitting(address, of_metric(metric))
    explanation = explained(metric, address.question((metric,)), ctx.runner)
    result = ctx.runner.ask(address.question((metric,)))
    return render_page(
        request,
        ctx,
        caller,
        "board/_explain.html",
        site=address.site,
        explanation=explanation,
        took_ms=result.took_ms,
        compared=compared(ctx, address, (metric,), result.total)[metric],
        range=range_of(result.total, metric),
        address=address,
        metric=METRICS[metric],
        all_metrics=METRICS,
    )


ROUTES = [metrics, former_metrics, explain]
