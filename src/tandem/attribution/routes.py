"""Money: which channels bring revenue, by all models, and reports that stay as they were."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.enums import RequestEncodingType
from litestar.params import Body

from tandem.accounts.model import Site
from tandem.attribution import queries, store
from tandem.attribution.model.ask import FACETS, KINDS, OF_CRM, SPLITS, WINDOWS, Ask, checked, needed_for
from tandem.attribution.model.definitions import MODELS, RULES_VERSION
from tandem.attribution.model.markov import DENSE, WIDEST
from tandem.attribution.model.report import LONE, CreditRow, Definition, SavedReport, differences
from tandem.attribution.model.sankey import END, OTHERS
from tandem.base import clock, translations
from tandem.base.errors import UserError
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.exports import exported
from tandem.core.layout import formats_of, go_to, render_page
from tandem.core.numbers import whole_number
from tandem.core.pages import get_page, get_part, post_form
from tandem.core.query import Filter
from tandem.imports.problem import sentence
from tandem.metrics.address import Address, View
from tandem.metrics.asked import MOST_SHOWN, address_asked, moved_to, must_fit, one_of, top_of
from tandem.metrics.catalogue import DIMENSIONS
from tandem.metrics.comparison import Rows, measured_since, reason_of, to_come, unripe, unsettled, why_unknown
from tandem.metrics.period import Period, period_of
from tandem.metrics.recounting import anew, head_in_words, recounting
from tandem.metrics.verdict import Reason

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
MODEL, WINDOW, SHOWN = "last_non_direct", 30, 10
"""What counts as most web analytics do, so that a first look can be compared with what everybody knows."""
SHOWN_REPORTS = 12
COUNTED_BY = {
    "orders": "collect.orders", "goal": "collect.goals_reached", "calls": "calls.calls", "leads": "crm.leads",
    "qualified": "crm.qualified", "won": "crm.won", "margin": "crm.won", "stage": "crm.qualified",
}  # fmt: skip
"""The figure of the catalogue that counts the same conversions: what is compared bears what its comparison bears."""
SORTS = ("credit", "worth", "assisted", "cost", "romi", "cost_per_conversion", "payback_days")


class MoneyChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What the reader chose beside period and filters."""

    conversion: str
    split: str
    model: str
    window: int
    order: int
    sort: str
    most: int
    usual: str
    """The conversion that this site's page is about where the address names none."""


def _choice(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> MoneyChoice:
    usual = queries.usual_conversion(ctx, site_for(ctx, caller, request.query_params.get("site")))
    asked = {k: str(v) for k, v in request.query_params.items()}
    model = asked.get("model", MODEL)
    if model not in MODELS:
        raise UserError(
            "“%(value)s” is not a model.", "Use one of %(choices)s.", value=model[:40], choices=", ".join(MODELS)
        )
    sort = asked.get("sort", "credit")
    return MoneyChoice(
        usual=usual,
        conversion=asked.get("conversion", usual),
        split=asked.get("split", "channel"),
        model=model,
        window=whole_number(asked.get("window", ""), WINDOW),
        order=whole_number(asked.get("order", ""), 1),
        sort=sort if sort in (*SORTS, *MODELS) else "credit",
        most=max(1, min(whole_number(asked.get("most", ""), SHOWN), MOST_SHOWN)),
    )


def _kept(choice: MoneyChoice) -> dict[str, str]:
    """The choices as the address carries them; what is usual is left out."""
    usual = MoneyChoice(
        conversion=choice.usual, split="channel", model=MODEL, window=WINDOW, order=1, sort="credit", most=SHOWN,
        usual=choice.usual,
    )  # fmt: skip
    names = [n for n in MoneyChoice.__struct_fields__ if getattr(choice, n) != getattr(usual, n)]
    return {n: str(getattr(choice, n)) for n in names}


def _must_read(caller: Caller, conversion: str) -> None:
    """Raises UserError (403) unless somebody may read these conversions by their own pages too."""
    for permission in needed_for(conversion):
        caller.must(permission)


def _view(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, choice: MoneyChoice, path: str = "/money"
) -> View:
    _must_read(caller, choice.conversion)
    address = address_asked(request, ctx, caller, one_of(FACETS))
    return View(path=path, address=address, keep=_kept(choice))


def _ask(address: Address, choice: MoneyChoice, period: Period) -> Ask:
    kind, _, key = choice.conversion.partition(":")
    return checked(
        Ask(
            site=address.site.id,
            kind=kind,
            key=key,
            by=choice.split,
            window=choice.window,
            order=choice.order if choice.model == "markov" else 1,
            since=period.since,
            until=period.until,
            with_bots=address.with_bots,
            filters=tuple((f.by, f.op, f.values) for f in address.where),
        )
    )


def _answered(ctx: Context, ask: Ask, model: str, before: Ask | None = None) -> queries.MoneyAnswer:
    """The answer, once for all who look until the data change: sorting a table must not count everything again."""
    return ctx.runner.kept(("money", ask, model, before), lambda: queries.answered(ctx.warehouse, ask, model, before))


def _conversions(ctx: Context, site: Site) -> dict[str, str]:
    """What can be chosen, by its id in the address; goals and stages have names of the customer's own, others none."""
    goals = ctx.offers.goal_names(site)
    stages = ctx.runner.kept(("money.stages", site.id), lambda: store.stages(ctx.warehouse, site.id))
    return (
        {"orders": "", "calls": ""}
        | {f"goal:{key}": name for key, name in goals.items()}
        | (dict.fromkeys(OF_CRM, "") if stages else {})
        | {f"stage:{stage}": stage for stage in stages}
    )


def _named(ctx: Context, site: Site, conversion: str) -> str:
    conversions = _conversions(ctx, site)
    if conversion in conversions:
        return conversions[conversion]
    raise UserError(
        "There is no conversion “%(conversion)s”.", "Choose one from the list.", status=404, conversion=conversion[:60]
    )


def _sorted(rows: list[CreditRow], sort: str) -> list[CreditRow]:
    if sort == "credit":
        return rows
    if sort in MODELS:
        return sorted(rows, key=lambda r: -r.by_model[sort])
    filled = [r for r in rows if getattr(r, sort) is not None]
    rising = sort in ("cost_per_conversion", "payback_days")
    filled.sort(key=lambda r: getattr(r, sort), reverse=not rising)
    return filled + [r for r in rows if getattr(r, sort) is None]


@get_page("/money", "Money", icon="coins", group="Measure", may="money.read")
def money(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    choice = _choice(request, ctx, caller)
    view = _view(request, ctx, caller, choice)
    if moved := moved_to(request, ctx, view):
        return moved
    address = view.address
    conversion = _named(ctx, address.site, choice.conversion)
    metric = COUNTED_BY[choice.conversion.partition(":")[0]]
    ask = _ask(address, choice, address.period)
    of_goal = msgspec.structs.replace(address, where=(*address.where, *_of_goal(ask)))
    reason = reason_of(ctx, of_goal, metric, by=("channel",))
    before = _ask(address, choice, address.before) if address.before and reason is None else None
    answer = _answered(ctx, ask, choice.model, before)
    rows = _sorted(answer.rows, choice.sort)
    judge = _judge(ctx, address, ask, metric, reason)
    return render_page(
        request,
        ctx,
        caller,
        "attribution/money.html",
        **top_of(request, ctx, view, FACETS),
        choice=choice,
        answer=answer,
        bridge=queries.revenue_bridge(ctx, address, ask, answer.totals),
        rows=rows[: choice.most],
        most_shown=MOST_SHOWN,
        conversion=conversion,
        conversions=_conversions(ctx, address.site),
        models=MODELS,
        is_usual=choice.model == MODEL,
        splits=SPLITS,
        windows=sorted({*WINDOWS, choice.window}),
        is_money=KINDS[ask.kind],
        kind=ask.kind,
        reports=_reports(ctx, caller, address.site),
        may_export=caller.may("metrics.export"),
        reason=reason,
        went_of=lambda row: judge.compared({metric: row.credit}, {metric: row.before}),
        recounted=_recounted(ctx, address.site, ask),
        unsettled=unsettled(address, ("ads.cost",)) if answer.cost is not None else 0,
        unripe=unripe(ctx, address, metric),
        began=measured_since(ctx, address.site, metric) or address.period.first,
        why_none=None if answer.totals.conversions else why_unknown(ctx, address, metric),
        now=clock.now(),
        **_words(),
    )


def _judge(ctx: Context, address: Address, ask: Ask, metric: str, reason: Reason | None) -> Rows:
    """What tells whether a row's change is more than chance: how much the days of these conversions scatter.

    That is looked up without the page's filters, and of a goal by its own days: other goals have other seasons.
    """
    alike = msgspec.structs.replace(address, where=_of_goal(ask), reader=None)
    judge = Rows(ctx, alike, metric, reason)
    if address.before is not None and reason is None and judge.needs_whole:
        spans = [alike.question((metric,), period=span) for span in (address.period, address.before)]
        judge.know([answer.total.get(metric) for answer in ctx.runner.ask_all([*spans, *judge.questions])[:2]])
    return judge


def _of_goal(ask: Ask) -> tuple[Filter, ...]:
    """What leaves the conversions asked for of a figure that counts all goals."""
    return (Filter("goal", "is", (ask.key,)),) if ask.kind == "goal" else ()


def _recounted(ctx: Context, site: Site, ask: Ask) -> float | None:
    """The share done while conversions or the visits that led to them are counted anew."""
    return recounting(ctx, site, (COUNTED_BY[ask.kind],), ("channel",), _of_goal(ask))


def _words() -> dict[str, Any]:
    return {
        "LONE": LONE,
        "END": END,
        "OTHERS": OTHERS,
        "DENSE": DENSE,
        "WIDEST": WIDEST,
        "rules_version": RULES_VERSION,
    }


@get_part("/money/explain", may="money.read")
def explain(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[str]:
    """The "what is this?" panel: the model's definition, the SQL as run and the values bound."""
    choice = _choice(request, ctx, caller)
    view = _view(request, ctx, caller, choice)
    ask = _ask(view.address, choice, view.address.period)
    asked = [store.bound(name, ask) for name in ("touchpoints", "transitions", "values", "totals")]
    return render_page(
        request,
        ctx,
        caller,
        "attribution/_explain.html",
        site=view.address.site,
        model=choice.model,
        queries=asked,
    )


@get_part("/money/export", may=("metrics.export", "money.read"))
def export(request: Request[Any, Any, Any], ctx: Context, caller: Caller, format: str = "csv") -> Response[Any]:
    """All rows of the page's tables, as CSV or JSON."""
    choice = _choice(request, ctx, caller)
    view = _view(request, ctx, caller, choice)
    must_fit(view.address)
    ask, span = _ask(view.address, choice, view.address.period), view.address.period
    share, young = _recounted(ctx, view.address.site, ask), unripe(ctx, view.address, COUNTED_BY[ask.kind])
    derived = [name for name in EXPORTED if name not in NOT_DERIVED]
    notes = {name: to_come(name, young) for name in derived} if young else {}
    notes |= {name: anew(name, share) for name in derived} if share is not None else {}
    texts = _texts(caller, view.address.site, ask, share, is_open=young is not None)
    value = texts.value if format == "csv" else _as_stored
    rows = ((value(row), *_exported(row)) for row in _answered(ctx, ask, choice.model).rows)
    name = f"money-{ask.by}-{choice.model}-{span.first}-{span.last}"
    return exported(ctx, caller, view.address.site, name, format, EXPORTED, rows, notes, texts.heads)


class FileTexts(msgspec.Struct, frozen=True):
    """What readers of a file see in place of ids: the heads of its columns, and the name of a row."""

    heads: dict[str, str]
    value: Callable[[CreditRow], str]


def _texts(caller: Caller, site: Site, ask: Ask, share: float | None, is_open: bool) -> FileTexts:
    text, form = translations.translations(caller.language).gettext, formats_of(caller)
    words = {"value": DIMENSIONS[ask.by].label, **HEADS, **{f"by_{model}": name for model, name in MODEL_NAMES.items()}}
    if ask.kind == "margin":
        words["money"] = sentence("Margin")
    units = {"money": site.currency, "cost": site.currency}
    heads = {
        name: head_in_words(
            text(word), text, unit=units.get(name, ""), share=None if name in NOT_DERIVED else share,
            is_open=is_open and name not in NOT_DERIVED,
        )
        for name, word in words.items()
    }  # fmt: skip
    alone = text(sentence("(no visit in the window)"))
    return FileTexts(heads, lambda row: alone if row.is_lone else form.member(ask.by, row.key))


def _as_stored(row: CreditRow) -> str:
    return "(no visit in the window)" if row.is_lone else row.key


MODEL_NAMES = {
    "first": sentence("First touch"), "last": sentence("Last touch"),
    "last_non_direct": sentence("Last non-direct touch"), "linear": sentence("Linear"),
    "time_decay": sentence("Time decay"), "position": sentence("Position"), "markov": sentence("Markov chain"),
    "shapley": sentence("Shapley value"),
}  # fmt: skip
HEADS = {
    "credit": sentence("Credit"), "low": sentence("Interval (95%), from"), "high": sentence("Interval (95%), to"),
    "share": sentence("Share"), "money": sentence("Revenue"), "assisted": sentence("Assisted"),
    "cost": sentence("Cost"), "clicks": sentence("Clicks"), "payback_days": sentence("Payback (days)"),
}  # fmt: skip
EXPORTED = (
    "value", "credit", "low", "high", "share", "money", "assisted", "cost", "clicks", "payback_days",
    *(f"by_{m}" for m in MODELS),
)  # fmt: skip


NOT_DERIVED = ("value", "cost", "clicks")


def _exported(row: CreditRow) -> tuple[Any, ...]:
    return (
        row.credit, row.low, row.high, row.share, row.worth, row.assisted, row.cost, row.clicks, row.payback_days,
        *(row.by_model[m] for m in MODELS),
    )  # fmt: skip


# ── kept reports ──


def _reports(ctx: Context, caller: Caller, site: Site) -> list[SavedReport]:
    """The newest reports of conversions that somebody may read."""
    reports = store.reports_of(ctx.database, site)
    return [one for one in reports if all(map(caller.may, needed_for(one.definition.kind)))][:SHOWN_REPORTS]


@post_form("/money/reports", may=("reports.keep", "money.read"))
def keep(request: Request[Any, Any, Any], ctx: Context, caller: Caller, data: Form) -> Response[Any]:
    """Freeze what the page shows."""
    choice = _choice(request, ctx, caller)
    view = _view(request, ctx, caller, choice)
    address = view.address
    ask = _ask(address, choice, address.period)
    answer = _answered(ctx, ask, choice.model)
    definition = Definition(
        model=choice.model,
        order=answer.order,
        kind=ask.kind,
        key=ask.key,
        conversion=_named(ctx, address.site, choice.conversion),
        by=ask.by,
        window=ask.window,
        first=address.period.first,
        last=address.period.last,
        zone=address.site.zone,
        currency=address.site.currency,
        with_bots=ask.with_bots,
        filters=ask.filters,
        rules=RULES_VERSION,
    )
    number = store.keep(ctx.database, address.site, data.get("name", ""), definition, answer.result, caller.user_id)
    return go_to(f"/money/reports/{number}?site={address.site.key}")


@get_page("/money/reports/{report_id:int}", "Report", may="money.read")
def report(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, report_id: int, site: str | None = None
) -> Response[str]:
    """A kept report beside today's answer to the same question."""
    chosen = site_for(ctx, caller, site)
    saved = store.report_of(ctx.database, chosen, report_id)
    _must_read(caller, saved.definition.kind)
    today = _answered(ctx, _asked_again(chosen, saved), saved.definition.model)
    return render_page(
        request,
        ctx,
        caller,
        "attribution/report.html",
        site=chosen,
        report=saved,
        today=today.result,
        rows=differences(saved.result, today.result),
        dimensions=DIMENSIONS,
        now=clock.now(),
        **_words(),
    )


def _asked_again(site: Site, saved: SavedReport) -> Ask:
    d = saved.definition
    period = period_of(f"{d.first}..{d.last}", d.zone, clock.now())
    return checked(
        Ask(
            site=site.id, kind=d.kind, key=d.key, by=d.by, window=d.window, order=d.order, since=period.since,
            until=period.until, with_bots=d.with_bots, filters=d.filters,
        )
    )  # fmt: skip


ROUTES = [money, explain, export, keep, report]
