"""The page Ads: what ads cost and what came of it; reports brought in, confirmed and taken back."""

from collections import Counter
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.enums import RequestEncodingType
from litestar.params import Body

from tandem.accounts.model import Site
from tandem.accounts.store import users_of
from tandem.ads import jobs, queries, store
from tandem.ads.file_import import hints_of
from tandem.ads.model import SYSTEMS
from tandem.base import clock, formats, translations
from tandem.base.charts import chart_json
from tandem.connections import store as connections
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.layout import formats_of, go_to, render_page
from tandem.core.numbers import whole_number
from tandem.core.pages import get_page, get_part, post_form
from tandem.core.progress import tracked
from tandem.imports.problem import sentence
from tandem.imports.uploads import uploaded
from tandem.metrics.address import View
from tandem.metrics.asked import address_asked, moved_to, one_of, top_of
from tandem.metrics.breakdown import splits_of, totals
from tandem.metrics.comparison import unsettled
from tandem.metrics.split_table import Tables

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
Upload = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)]
LARGEST_FILE = 256 << 20
TABLES = Tables("/ads", queries.TABLES)
FILTER_BY = ("channel", "ad_system", "source", "campaign", "ad_group", "ad", "term", "ad_account")


def _view(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> View:
    address = address_asked(request, ctx, caller, one_of(splits_of("ads.cost")))
    return View(path="/ads", address=address, keep=TABLES.remembered(request))


@get_page("/ads", "Ads", icon="megaphone", group="Measure", may="money.read")
def page(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    view, asked = _view(request, ctx, caller), request.query_params
    if moved := moved_to(request, ctx, view):
        return moved
    number = whole_number(asked.get("draft", ""), 0)
    import_ = store.import_of(ctx.database, view.address.site, number) if number else None
    return _page(request, ctx, caller, view, import_, asked.get("notice", ""))


def _page(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, view: View, draft: store.AdImport | None,
    notice: str,
) -> Response[Any]:  # fmt: skip
    address, site = view.address, view.address.site
    now, went_of = totals(ctx, address, queries.HEADLINE)
    points = queries.course(ctx, address)
    imports = store.imports_of(ctx.database, site)
    form = formats_of(caller)
    return render_page(
        request,
        ctx,
        caller,
        "ads/ads.html",
        **(top_of(request, ctx, view, FILTER_BY, has_lens=True) | TABLES.facts(ctx, caller, view)),
        now=now,
        went_of=went_of,
        unsettled=unsettled(address, ("ads.cost",)),
        worst=queries.worst(ctx, address),
        points=points,
        step=address.period.step if address.period.step != "hour" else "day",
        chart_json=_drawn(view, points, form, translations.translations(caller.language).gettext),
        imports=imports,
        sums=store.sums_of(ctx.database, imports),
        who={p.id: p.name for p in users_of(ctx.database, caller.workspace_id)},
        connected=connections.connections_of(ctx, site, "ads"),
        draft=draft,
        outcomes=_outcomes(ctx, site, draft),
        notice=notice,
        systems=SYSTEMS,
        clock=clock.now(),
    )


def _drawn(view: View, points: list[Any], form: formats.Formats, text: Any) -> str:
    site, step = view.address.site, view.address.period.step
    is_partial = view.address.is_partial and bool(points) and points[-1][1] is not None
    step = "day" if step == "hour" else step
    return chart_json(form, text("Ad cost"), "money", site.currency, step, points, is_partial=is_partial)


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """What confirming a draft would do, in sum, and the days it would change."""

    counts: dict[str, int]
    changed: list[store.DayOutcome]
    kept: list[store.DayOutcome]
    is_other_account: bool


def _outcomes(ctx: Context, site: Site, draft: store.AdImport | None) -> Outcomes | None:
    if draft is None or draft.state != "staged":
        return None
    outcomes = store.outcomes(ctx.database, site, draft)
    replaced = [o for o in outcomes if o.what == "replaced"]
    both = [(o.existing.original_cost, o.day.original_cost) for o in replaced if o.existing]
    far = [before for before, now in both if abs(before - now) > before / 2]
    return Outcomes(
        counts=dict(Counter(o.what for o in outcomes)), changed=replaced[:31],
        kept=[o for o in outcomes if o.what == "kept"][:31],
        is_other_account=len(replaced) >= 3 and len(far) > len(replaced) / 2,
    )  # fmt: skip


@post_form("/ads/import", may="ads.import", request_max_body_size=LARGEST_FILE)
def upload(request: Request[Any, Any, Any], ctx: Context, caller: Caller, data: Upload) -> Response[Any]:
    """A dry run: the report is read and checked, and shown; nothing counts before it is confirmed."""
    view, hints = _view(request, ctx, caller), hints_of(data)
    chosen = uploaded(data, sentence("Choose the report that the ad system exported."))
    with chosen as (path, name), tracked(request, ctx, caller):
        import_ = jobs.read_file(ctx, view.address.site, path, name, hints, caller.user_id)
    return go_to(view.link(draft=str(import_.id), notice="known" if import_.state in store.COUNTING else None))


@post_form("/ads/imports/{number:int}/confirm", may="ads.import")
def confirm(request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int, data: Form) -> Response[Any]:
    view = _view(request, ctx, caller)
    site = view.address.site
    import_ = store.import_of(ctx.database, site, number)
    store.confirm(ctx, site, import_, is_forced=data.get("is_forced") == "1", by=caller.user_id)
    return go_to(view.link(notice="confirmed"))


@post_form("/ads/imports/{number:int}/undo", may="ads.import")
def undo(request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int) -> Response[Any]:
    view = _view(request, ctx, caller)
    store.undo(ctx, view.address.site, store.import_of(ctx.database, view.address.site, number), caller.user_id)
    return go_to(view.link(notice="undone"))


@post_form("/ads/imports/{number:int}/drop", may="ads.import")
def drop(request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int) -> Response[Any]:
    view = _view(request, ctx, caller)
    site = view.address.site
    if not store.drop(ctx, site, store.idle_import(ctx.database, site, number)):
        store.idle_import(ctx.database, site, number)  # somebody was faster: raises what it has become
    return go_to(view.link())


@get_part("/ads/unmatched", may="money.read")
def unmatched(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    """What could not be matched: it reads all visits of the period once more, so the page does not wait for it."""
    address = _view(request, ctx, caller).address
    cost_left, visits_left = queries.left_over(ctx, address)
    matched, _ = totals(ctx, address, ("ads.matched_cost_share",))
    sqls = [(name, store.SQL[name]) for name in ("unmatched_cost", "unmatched_visits")]
    return render_page(
        request, ctx, caller, "ads/_unmatched.html", site=address.site, cost_left=cost_left, visits_left=visits_left,
        matched=matched["ads.matched_cost_share"], sqls=sqls, systems=SYSTEMS,
        bound={name: str(value) for name, value in address.bound.items()},
    )  # fmt: skip


@get_part("/ads/table/{name:str}", may="money.read")
def table(request: Request[Any, Any, Any], ctx: Context, caller: Caller, name: str) -> Response[Any]:
    return TABLES.part(request, ctx, caller, _view(request, ctx, caller), name)


ROUTES = [page, table, unmatched, upload, confirm, undo, drop]
