"""The page Reconciliation: figures of other systems brought in, compared, and what nobody can explain yet."""

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.enums import RequestEncodingType
from litestar.params import Body

from tandem.accounts.model import Site
from tandem.accounts.store import users_of
from tandem.base import clock, translations
from tandem.base.errors import UserError
from tandem.base.texts import short_text
from tandem.connections import store as connections
from tandem.core.auth import Caller
from tandem.core.context import Context
from tandem.core.exports import exported
from tandem.core.layout import go_to, render_page
from tandem.core.numbers import whole_number
from tandem.core.pages import get_page, get_part, post_form
from tandem.core.progress import tracked
from tandem.core.query import Filter
from tandem.findings import store as findings
from tandem.findings.model import Finding
from tandem.imports.cells import ORDERS
from tandem.imports.problem import sentence
from tandem.imports.uploads import uploaded
from tandem.metrics.address import View
from tandem.metrics.asked import address_asked, fitting, moved_to, must_fit, one_of, top_of
from tandem.metrics.period import Period
from tandem.metrics.recounting import anew, head_in_words, recounting
from tandem.reconcile import jobs, queries, store
from tandem.reconcile.model.compare import REASONS, Cell, CellSum, added
from tandem.reconcile.model.finding import ENOUGH_COUNT, SETTLES_DAYS, TOO_MUCH, KeptExcess
from tandem.reconcile.model.outside import FIGURES, OWN, SPLITS, SYSTEMS
from tandem.reconcile.model.rules import ATTRIBUTIONS, BOTS, COUNTS, LOOK_BACK_DAYS, checked
from tandem.reconcile.sources.report import ReportHints

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
Upload = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)]
LARGEST_FILE = 64 << 20
FILTER_BY = ("channel", "campaign")
SHOWN, MOST = 10, 100_000
MOST_FINDINGS = 1_000
"""Of each state, when all are asked for."""


class CompareChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared: a source's figure by days or by parts; `split` is the report that it is read from."""

    source: queries.ComparedSource
    figure: str
    by: str
    split: str


def _view(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> View:
    query = request.query_params
    address = fitting(address_asked(request, ctx, caller), one_of(FILTER_BY), most=1)
    keep = {name: query[name][:300] for name in ("source", "figure") if query.get(name)}
    if query.get("by") in SPLITS and "op" not in query:
        keep["by"] = query["by"]
    return View(path="/reconciliation", address=address, keep=keep)


def _choice(view: View, sources: list[queries.ComparedSource]) -> CompareChoice | None:
    """What the address asks for, as far as it is known; the first source's sessions day by day without a word.

    Without sessions it is clicks, which both sides count alike, before conversions, which each side has its own of.
    """
    if not sources:
        return None
    asked = view.keep
    source = next((s for s in sources if s.id == asked.get("source")), sources[0])
    names = [name for name in FIGURES if name in source.figures]
    usual = next((name for name in ("sessions", "clicks") if name in names), names[0])
    figure = asked["figure"] if asked.get("figure") in names else usual
    splits = source.figures[figure]
    by = asked.get("by", "day")
    if view.address.where:
        split = view.address.where[0].by
    else:
        split = by if by in splits else next(s for s in SPLITS if s in splits)
    if split not in splits:
        split = next(s for s in SPLITS if s in splits)
    return CompareChoice(source=source, figure=figure, by=by if by in ("day", split) else "day", split=split)


def _compared(ctx: Context, view: View, choice: CompareChoice) -> queries.Comparison:
    site, period = view.address.site, view.address.period
    rules = store.rules_of(ctx.database, site, choice.source.id)
    comparison = queries.compare(
        ctx, site, choice.source, choice.figure, choice.split, rules, period.first, period.last
    )
    if not view.address.where or view.address.where[0].by != choice.split:
        return comparison
    return msgspec.structs.replace(comparison, cells=[c for c in comparison.cells if _passes(c, view.address.where[0])])


def _passes(cell: Cell, f: Filter) -> bool:
    if f.op in ("is", "is_not"):
        return (cell.part in f.values) == (f.op == "is")
    return any(v.lower() in cell.part.lower() for v in f.values) == (f.op == "contains")


def _lines(cells: list[Cell], by: str) -> list[CellSum]:
    """The table's rows: days in their order, parts by their size."""
    lines = added(cells, "day" if by == "day" else "part")
    if by == "day":
        return sorted(lines, key=lambda line: (line.on is None, line.on))
    return sorted(lines, key=lambda line: (-max(abs(line.theirs), abs(line.ours)), line.key))


def _is_here(finding: KeptExcess, choice: CompareChoice, period: Period) -> bool:
    """Whether an open finding is of the comparison that the page shows."""
    is_same = (finding.source, finding.figure) == (choice.source.id, choice.figure)
    return is_same and finding.state == "open" and finding.first_on <= period.last and finding.last_on >= period.first


@get_page("/reconciliation", "Reconciliation", icon="git-compare", group="Measure", may="money.read")
def page(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    view, asked = _view(request, ctx, caller), request.query_params
    if moved := moved_to(request, ctx, view):
        return moved
    site = view.address.site
    sources = queries.readable(queries.sources(ctx, site), caller)
    choice = _choice(view, sources)
    comparison = _compared(ctx, view, choice) if choice else None
    lines = _lines(comparison.cells, choice.by) if comparison and choice else []
    most = whole_number(asked.get("most", ""), 31 if choice and choice.by == "day" else SHOWN)
    number = whole_number(asked.get("draft", ""), 0)
    draft = store.import_of(ctx.database, site, number) if number else None
    total = added(comparison.cells, "all") if comparison else []
    shown = {(one.id, figure) for one in sources for figure in one.figures}
    differences = [f for f in store.differences_of(ctx.database, site) if (f.source, f.figure) in shown]
    return render_page(
        request,
        ctx,
        caller,
        "reconcile/reconciliation.html",
        **top_of(request, ctx, view, FILTER_BY),
        goals=ctx.offers.goal_names(site),
        sources=sources,
        choice=choice,
        comparison=comparison,
        lines=lines,
        most=most,
        shown_reasons=[name for name in REASONS if any(line.reasons[name] for line in lines)],
        total=total[0] if total else None,
        recounted=_recounted(ctx, site, choice),
        findings=differences,
        most_findings=MOST_FINDINGS if asked.get("findings") == "all" else SHOWN,
        findings_here=[f for f in differences if choice and _is_here(f, choice, view.address.period)],
        imports=store.imports_of(ctx.database, site),
        draft=draft,
        outcome=_outcome(ctx, site, draft),
        notice=asked.get("notice", ""),
        who={p.id: p.name for p in users_of(ctx.database, caller.workspace_id)},
        connected=connections.connections_of(ctx, site, "reconcile"),
        clock=clock.now(),
        may_export=caller.may("metrics.export"),
        tabs=_tabs(view, choice),
        **_words(),
    )


def _recounted(ctx: Context, site: Site, choice: CompareChoice | None) -> float | None:
    """The share done while our side of the comparison is counted anew."""
    return recounting(ctx, site, (FIGURES[choice.figure].ours,)) if choice else None


def _tabs(view: View, choice: CompareChoice | None) -> dict[str, str]:
    """The splits that the figure has, each with the address of its table; filters stay with the days."""
    if choice is None:
        return {}
    whole = msgspec.structs.replace(view, address=msgspec.structs.replace(view.address, where=()))
    splits = [s for s in SPLITS if s in choice.source.figures[choice.figure]]
    return {"day": view.link(by="day")} | {s: whole.link(by=s) for s in splits if s != "day"}


def _words() -> dict[str, Any]:
    return {
        "systems": SYSTEMS, "figures": FIGURES, "all_bots": BOTS, "attributions": ATTRIBUTIONS, "counts": COUNTS,
        "OWN": OWN, "too_much": float(TOO_MUCH), "enough": int(ENOUGH_COUNT), "settles": SETTLES_DAYS,
        "look_back": LOOK_BACK_DAYS, "all_reasons": REASONS,
    }  # fmt: skip


class DraftEffect(msgspec.Struct, frozen=True, kw_only=True):
    """What confirming a draft would do: sums by figure, and how many days it would replace."""

    sums: dict[str, Decimal]
    days: int
    replaced: int


def _outcome(ctx: Context, site: Site, draft: store.ReportImport | None) -> DraftEffect | None:
    if draft is None or draft.state != "staged":
        return None
    counting = [one for one in store.counting(ctx.database, site) if one.source == draft.source]
    same = [one.id for one in counting if one.split == draft.split]
    replaceable = {(d.figure, d.on) for d in store.days_of(ctx.warehouse, site, same)}
    days = store.days_of(ctx.warehouse, site, [draft.id])
    sums: dict[str, Decimal] = {}
    for one in days:
        sums[one.figure] = sums.get(one.figure, Decimal(0)) + one.value
    return DraftEffect(
        sums={name: value for name, value in sums.items() if FIGURES[name].adds_up},
        days=len({d.on for d in days}),
        replaced=len({d.on for d in days if (d.figure, d.on) in replaceable}),
    )


# ── bringing in ──


@post_form("/reconciliation/import", may="ads.import", request_max_body_size=LARGEST_FILE)
def upload(request: Request[Any, Any, Any], ctx: Context, caller: Caller, data: Upload) -> Response[Any]:
    """A dry run: the file is read and checked, and shown; nothing counts before it is confirmed."""
    view, hints = _view(request, ctx, caller), hints_of(data)
    chosen = uploaded(data, sentence("Choose the report that the system exported."))
    with chosen as (path, name), tracked(request, ctx, caller):
        import_ = jobs.read_file(ctx, view.address.site, path, name, hints, caller.user_id)
    return go_to(view.link(draft=str(import_.id), notice="known" if import_.state == store.COUNTING else None))


def hints_of(form: dict[str, Any]) -> ReportHints:
    """What a person says about a file.

    raises   UserError when it does not fit
    """
    system, zone, order = (str(form.get(name) or "").strip() for name in ("system", "zone", "order"))
    if system and system not in SYSTEMS:
        raise UserError("There is no such system.", "Choose it from the list.")
    if order not in ORDERS:
        raise UserError("There is no such order of day and month.", "Choose dmy or mdy.")
    if zone:
        checked({"zone": zone, "bots": "none", "attribution": "visit", "orders": "every", "goals": "every"})
    account = short_text(str(form.get("account") or ""), "account")
    return ReportHints(system=system, account=account, zone=zone, order=ORDERS[order])


@post_form("/reconciliation/imports/{number:int}/confirm", may="ads.import")
def confirm(request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int) -> Response[Any]:
    view = _view(request, ctx, caller)
    site = view.address.site
    import_ = store.confirm(ctx.database, site, store.import_of(ctx.database, site, number), caller.user_id)
    jobs.review(ctx, site)
    figure = "sessions" if "sessions" in import_.figures else import_.figures[0] if import_.figures else None
    span = f"{import_.first_on}..{import_.last_on}"
    return go_to(view.link(notice="confirmed", source=import_.source, figure=figure, by=import_.split, period=span))


@post_form("/reconciliation/imports/{number:int}/undo", may="ads.import")
def undo(request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int) -> Response[Any]:
    view = _view(request, ctx, caller)
    site = view.address.site
    store.undo(ctx.database, site, store.import_of(ctx.database, site, number), caller.user_id)
    jobs.review(ctx, site)
    return go_to(view.link(notice="undone"))


@post_form("/reconciliation/imports/{number:int}/drop", may="ads.import")
def drop(request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int) -> Response[Any]:
    view = _view(request, ctx, caller)
    site = view.address.site
    if not store.drop(ctx, site, store.idle_import(ctx.database, site, number)):
        store.idle_import(ctx.database, site, number)  # somebody was faster: raises what it has become
    return go_to(view.link())


# ── rules and findings ──


@post_form("/reconciliation/rules", may="connections.edit")
def set_rules(request: Request[Any, Any, Any], ctx: Context, caller: Caller, data: Form) -> Response[Any]:
    view = _view(request, ctx, caller)
    site, rules = view.address.site, checked(data)
    if data.get("source") not in {one.id for one in queries.sources(ctx, site)}:
        raise UserError("There is no such source.", "Reload the page.", status=404)
    if not {str(id) for id in rules.goal_ids} <= set(ctx.offers.goal_names(site)):
        raise UserError("There is no such goal.", "Reload the page.", status=404)
    store.save_rules(ctx.database, site, data["source"], rules, caller.user_id)
    jobs.review(ctx, site)
    return go_to(view.link(notice="rules"))


@post_form("/reconciliation/findings/{number:int}/explain", may="reports.keep")
def explain(request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int, data: Form) -> Response[Any]:
    view, finding = _finding(request, ctx, caller, number)
    findings.explain(ctx.database, view.address.site, finding, data.get("note", ""), caller.user_id or 0)
    return go_to(view.link())


@post_form("/reconciliation/findings/{number:int}/ignore", may="reports.keep")
def ignore(request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int, data: Form) -> Response[Any]:
    view, finding = _finding(request, ctx, caller, number)
    findings.ignore(ctx.database, view.address.site, finding, data.get("until", ""), caller.user_id or 0)
    return go_to(view.link())


@post_form("/reconciliation/findings/{number:int}/reopen", may="reports.keep")
def reopen(request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int) -> Response[Any]:
    view, finding = _finding(request, ctx, caller, number)
    findings.reopen(ctx.database, view.address.site, finding, caller.user_id or 0)
    jobs.review(ctx, view.address.site)
    return go_to(view.link())


def _finding(request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int) -> tuple[View, Finding]:
    view = _view(request, ctx, caller)
    return view, findings.finding_of(ctx.database, view.address.site, number, store.SLICE)


# ── export ──


@get_part("/reconciliation/export", may=("metrics.export", "money.read"))
def export(request: Request[Any, Any, Any], ctx: Context, caller: Caller, format: str = "csv") -> Response[Any]:
    """Each day and part of the comparison, as CSV or JSON."""
    view = _view(request, ctx, caller)
    must_fit(view.address)
    choice = _choice(view, queries.readable(queries.sources(ctx, view.address.site), caller))
    if choice is None:
        raise UserError("There is nothing to compare yet.", "Import a report from another system.", status=404)
    comparison, span = _compared(ctx, view, choice), view.address.period
    share = _recounted(ctx, view.address.site, choice)
    notes = {} if share is None else {name: anew(name, share) for name in OURS}
    source = "".join(c if c.isalnum() else "-" for c in choice.source.id)
    name = f"reconciliation-{source}-{choice.figure}-{span.first}-{span.last}"
    rows = (_exported(comparison, cell) for cell in comparison.cells)
    text = translations.translations(caller.language).gettext
    heads = {
        column: head_in_words(text(word), text, share=share if column in OURS else None, is_open=False)
        for column, word in HEADS.items()
    }
    return exported(ctx, caller, view.address.site, name, format, EXPORTED, rows, notes, heads)


HEADS = {
    "day": sentence("Day"), "source": sentence("System"), "figure": sentence("Metric"), "split": sentence("Split by"),
    "part": sentence("Value"), "theirs": sentence("Theirs"), "ours": sentence("Ours"),
    "difference": sentence("Difference"), "zone": sentence("Time zone"), "bots": sentence("Bots"),
    "consent": sentence("Consent"), "repeats": sentence("Counted twice"), "attribution": sentence("Attribution"),
    "rows": sentence("Rows withheld"), "sampling": sentence("Sampling"), "unexplained": sentence("Unexplained"),
    "unexplained_share": sentence("Unexplained (share)"), "sampling_error": sentence("Sampling error"),
    "is_sampled": sentence("Sampled"), "is_thresholded": sentence("Thresholded"),
}  # fmt: skip
"""What readers of CSV see in place of the columns' ids."""
EXPORTED = (
    "day", "source", "figure", "split", "part", "theirs", "ours", "difference", *REASONS, "unexplained",
    "unexplained_share", "sampling_error", "is_sampled", "is_thresholded",
)  # fmt: skip


OURS = ("ours", "difference", *REASONS, "unexplained", "unexplained_share")


def _exported(comparison: queries.Comparison, cell: Cell) -> tuple[Any, ...]:
    return (
        cell.on.isoformat(), comparison.source.id, comparison.figure, comparison.split, cell.part, str(cell.theirs),
        str(cell.ours), str(cell.difference), *(str(cell.reasons[name]) for name in REASONS), str(cell.unexplained),
        f"{cell.share:.6f}", str(cell.noise), cell.is_sampled, cell.is_thresholded,
    )  # fmt: skip


ROUTES = [page, upload, confirm, undo, drop, set_rules, explain, ignore, reopen, export]
