"""The page Deals: what becomes of the leads, and the hygiene of their records."""

from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response
from litestar.enums import RequestEncodingType
from litestar.params import Body

from tandem.accounts.model import Site
from tandem.base import clock, translations
from tandem.base.currencies import NO_CURRENCY, tenders
from tandem.base.errors import UserError
from tandem.connections import store as connections
from tandem.connections.model import Connection
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.exports import exported
from tandem.core.layout import go_to, render_page
from tandem.core.numbers import whole_number
from tandem.core.pages import get_page, get_part, post_form
from tandem.core.progress import tracked
from tandem.crm import file_import, jobs, mapping, queries, store
from tandem.crm.model.choices import GROUPS, NONE, SHOWN, fields_in, stages_in
from tandem.crm.model.deal import NEVER, StageKind
from tandem.crm.model.hygiene import HYGIENE
from tandem.crm.model.mapping import stage_key
from tandem.crm.sources.api import key_of
from tandem.crm.store import files, mappings
from tandem.crm.store.mappings import Chosen
from tandem.imports.acts import Place, acts, shown
from tandem.imports.problem import sentence
from tandem.imports.uploads import uploaded
from tandem.metrics.address import Address, View
from tandem.metrics.asked import address_asked, moved_to, one_of, top_of
from tandem.metrics.breakdown import splits_of, totals
from tandem.metrics.catalogue import METRICS
from tandem.metrics.comparison import unripe
from tandem.metrics.split_table import Tables
from tandem.people.store import hexed

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
Upload = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)]
LARGEST_FILE = 64 << 20


def _view(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> View:
    address = address_asked(request, ctx, caller, one_of(splits_of("crm.leads")))
    return View(path="/deals", address=address, keep=_tables(address).remembered(request))


def _tables(address: Address) -> Tables:
    """The page's tables with the columns that say something where it is filtered so."""
    tabs = {
        id: msgspec.structs.replace(tab, metrics=queries.shown_of(tab.metrics, address, tab.by))
        for id, tab in queries.TABLES.items()
    }
    return Tables("/deals", tabs, OWED)


@get_page("/deals", "Deals", icon="handshake", group="Measure", may="deals.read")
def page(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    view = _view(request, ctx, caller)
    if moved := moved_to(request, ctx, view):
        return moved
    return _page(request, ctx, caller, view)


OWED = ("owed", "owed.sort", "owed.way", "owed.most")
"""What the address keeps of the list of what is owed."""
HEADS = (
    sentence("To do"), sentence("Side"), sentence("Record"), sentence("Channel"), sentence("Created"),
    sentence("Stage"), sentence("Responsible"), sentence("Amount"),
)  # fmt: skip


def _owed_asked(view: View) -> queries.Owed:
    asked = view.keep.get
    issue, sort = asked("owed", ""), asked("owed.sort", "")
    return queries.Owed(
        issue=issue if issue in HYGIENE else "",
        sort=sort if sort in queries.ORDERS else "at",
        is_rising=asked("owed.way") == "up",
        most=max(1, whole_number(asked("owed.most"), queries.SHOWN, queries.MOST)),
    )


def _owed(ctx: Context, view: View) -> dict[str, Any]:
    """What crm/_owed.html needs."""
    owed = _owed_asked(view)
    hygiene = queries.hygiene(ctx, view.address, owed.most)
    return {
        "owed": owed, "hygiene": hygiene, "owed_rows": owed.rows(hygiene)[: owed.most], "issues": HYGIENE,
        "most_owed": queries.MOST, "names_of_stages": _stage_names(ctx, view.address.site),
        "hexed": hexed, "clock": clock.now(), "never": NEVER,
    }  # fmt: skip


def _stage_names(ctx: Context, site: Site) -> dict[str, str]:
    return mappings.names_of(ctx, [c.id for c in connections.connections_of(ctx, site, "crm")])


@get_part("/deals/owed", may="deals.read")
def owed_list(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    """What is owed, as a fragment: of one kind, in another order, or all of it; with `format`, as a file."""
    view = _view(request, ctx, caller)
    if file_format := str(request.query_params.get("format", "")):
        return _owed_file(ctx, caller, view, file_format)
    view = _tables(view.address).as_now(request, view, "owed")
    part = render_page(
        request, ctx, caller, "crm/_owed.html", site=view.address.site, view=view,
        may_export=caller.may("metrics.export"), **_owed(ctx, view),
    )  # fmt: skip
    part.headers["HX-Replace-Url"] = view.link()
    return part


def _owed_file(ctx: Context, caller: Caller, view: View, file_format: str) -> Response[Any]:
    caller.must("metrics.export")
    site, span = view.address.site, view.address.period
    owed, text = _owed_asked(view), translations.translations(caller.language).gettext
    rows = owed.rows(queries.hygiene(ctx, view.address, queries.MOST_IN_FILE))
    names = _stage_names(ctx, site)
    cells = (
        [text(HYGIENE[r.issue].title), HYGIENE[r.issue].owner, f"{r.system} {r.ref}", text(r.channel),
         r.at.astimezone(site.tz).isoformat(timespec="seconds"), names.get(f"{r.kind}:{r.stage}", r.stage),
         r.responsible, r.amount]
        for r in rows
    )  # fmt: skip
    name = f"{owed.issue or 'to-do'}-{span.first}-{span.last}"
    return exported(ctx, caller, site, name, file_format, list(map(text, HEADS)), cells)


@get_part("/deals/table/{name:str}", may="deals.read")
def table(request: Request[Any, Any, Any], ctx: Context, caller: Caller, name: str) -> Response[Any]:
    view = _view(request, ctx, caller)
    return _tables(view.address).part(request, ctx, caller, view, name)


def _page(request: Request[Any, Any, Any], ctx: Context, caller: Caller, view: View) -> Response[Any]:
    address, site = view.address, view.address.site
    now, went_of = totals(ctx, address, queries.HEADLINE)
    connected = connections.connections_of(ctx, site, "crm")
    return render_page(
        request,
        ctx,
        caller,
        "crm/deals.html",
        **(top_of(request, ctx, view, queries.FILTER_BY) | _tables(address).facts(ctx, caller, view)),
        now=now,
        went_of=went_of,
        to_come={name: reason for name in queries.TILES if (reason := unripe(ctx, address, name))},
        tiles=[METRICS[name] for name in queries.shown_of(queries.TILES, address)],
        stages=queries.stages(ctx, address),
        **_owed(ctx, view),
        sqls=[("funnel", store.SQL["funnel"]), ("hygiene", store.SQL["hygiene"])],
        bound={name: str(value) for name, value in queries.bound(address).items()},
        has_deals=store.has_deals(ctx, site),
        connected=connected,
        skipped=connections.skipped_of(ctx, [c.id for c in connected]),
        words=files.words_of(ctx, site),
        stage_kinds=list(StageKind),
        stage_key=stage_key,
        currencies=tenders(caller.language),
        leave_out=NO_CURRENCY,
        **shown(request, ctx, caller, site, file_import.IMPORTS, "deals.edit"),
        unexplained=queries.unexplained(ctx, site),
        NO_CURRENCY=NO_CURRENCY,
    )


@post_form("/deals/import", may="deals.edit", request_max_body_size=LARGEST_FILE)
def upload(request: Request[Any, Any, Any], ctx: Context, caller: Caller, data: Upload) -> Response[Any]:
    """A dry run: the file is read and checked, and shown; nothing counts before it is applied."""
    view = _view(request, ctx, caller)
    file = uploaded(data, sentence("Choose the CSV file that the CRM exported."))
    with file as (path, name), tracked(request, ctx, caller):
        import_ = file_import.read_file(ctx, view.address.site, path, name, caller.user_id)
    return go_to(view.link(draft=str(import_.id)) + "#draft")


def _place(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Place:
    view = _view(request, ctx, caller)
    return Place(view.address.site, view.link)


# ── mapping ──


def _connection_of(
    ctx: Context, caller: Caller, request: Request[Any, Any, Any], number: int
) -> tuple[Site, Connection]:
    caller.must("deals.edit")
    site = site_for(ctx, caller, request.query_params.get("site"))
    connection = connections.connection(ctx, number, site)
    if connection.area != "crm" or connection.system not in jobs.CRMS:
        raise UserError("This connection is not a CRM.", "Choose one listed on the Deals page.", status=404)
    return site, connection


@get_page("/deals/mapping/{number:int}", "Fields and stages", may="deals.edit")
def mapping_page(request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int) -> Response[str]:
    """How the records of one connection are read, and the choices that the CRM itself gives."""
    site, connection = _connection_of(ctx, caller, request, number)
    return _mapping(request, ctx, caller, site, connection)


def _mapping(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: Site, connection: Connection, notice: str = ""
) -> Response[str]:
    chosen, listed = mappings.chosen_for(ctx, connection.id), jobs.listed(ctx, connection)
    crm, (leads, qualified) = jobs.CRMS[connection.system], mapping.standing(ctx, site, connection)
    return render_page(
        request,
        ctx,
        caller,
        "crm/mapping.html",
        site=site,
        connection=connection,
        crm=crm,
        chosen=chosen,
        listed=listed,
        stages=queries.stages_known(ctx, site, connection, listed.stages, chosen),
        leads=leads,
        qualified=qualified,
        groups=GROUPS,
        none_of=NONE,
        kinds=list(StageKind),
        notice=notice,
    )


@post_form("/deals/mapping/{number:int}", may="deals.edit")
def change_mapping(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int, data: Form
) -> Response[str]:
    """What another mapping would change; or, when `act` is `keep` and the dry run was of this very one, make it so."""
    site, connection = _connection_of(ctx, caller, request, number)
    before = mappings.chosen_for(ctx, connection.id)
    stages = {**before.stages, **stages_in(data)}
    chosen = Chosen(fields=fields_in(data), stages=stages, names=before.names, revision=before.revision + 1)
    digest = key_of(msgspec.json.encode((sorted(chosen.fields.items()), sorted(stages.items()), before.revision)))[:32]
    if data.get("act") == "keep" and data.get("seen") == digest:
        names = {stage_key(s.kind, s.stage): s.label for s in jobs.listed(ctx, connection).stages}
        is_done = jobs.keep_mapping(ctx, site, connection, msgspec.structs.replace(chosen, names=before.names | names),
                                    caller.user_id)  # fmt: skip
        ctx.runner.look_again()
        return _mapping(request, ctx, caller, site, connection, "kept" if is_done else "waits")
    trial = mapping.preview(ctx, site, connection, jobs.CRMS[connection.system].mapping, chosen)
    return render_page(
        request, ctx, caller, "crm/_trial.html", site=site, trial=trial, digest=digest, shown=SHOWN,
        is_stale=data.get("act") == "keep", keep_at=f"/deals/mapping/{number}?{urlencode({'site': site.key})}",
        can_poll=jobs.CRMS[connection.system].page is not None,
    )  # fmt: skip


ROUTES = [
    page, table, owed_list, upload, mapping_page, change_mapping,
    *acts("/deals/imports", file_import.IMPORTS, "deals.edit", _place, before=file_import.explain),
]  # fmt: skip
