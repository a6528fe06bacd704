"""The page Deals: what becomes of the leads, and what marketing and sales owe each other."""

from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.connections import store as connections
from tandem.connections.model import Connection
from tandem.core.auth import Caller, site_for
from tandem.core.context import House
from tandem.core.layout import framed
from tandem.core.pages import get_page, post_form
from tandem.core.progress import watched
from tandem.crm import jobs, kept, questions, remap, store
from tandem.crm.kept import Chosen
from tandem.crm.model.choices import GROUPS, NONE, SHOWN, fields_in, stages_in
from tandem.crm.model.deal import NEVER, StageKind
from tandem.crm.model.debts import DEBTS
from tandem.crm.model.mapping import stage_key
from tandem.crm.sources.api import key_of
from tandem.imports.uploads import on_disk
from tandem.metrics.address import View
from tandem.metrics.asked import address_asked, one_of
from tandem.metrics.breakdown import breakdown, splits_of, totals
from tandem.metrics.catalogue import FIGURES
from tandem.people.store import hexed

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
Upload = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)]
LARGEST_FILE = 64 << 20


def _view(request: Request[Any, Any, Any], house: House, caller: Caller) -> View:
    query = request.query_params
    address = address_asked(request, house, caller, one_of(splits_of("crm.leads")))
    kept = {"by": by} if (by := query.get("by", "")) in questions.SPLITS and "op" not in query else {}
    return View(path="/deals", address=address, keep=kept)


@get_page("/deals", "Deals", icon="handshake", group="Measure", may="deals.read")
def page(request: Request[Any, Any, Any], house: House, caller: Caller) -> Response[Any]:
    view, asked = _view(request, house, caller), request.query_params
    if moved := view.asked_for(asked):
        return Redirect(moved)
    most = asked.get("most", "")
    shown = int(most) if most.isdecimal() and len(most) < 7 else questions.SHOWN
    return _page(request, house, caller, view, shown)


def _page(request: Request[Any, Any, Any], house: House, caller: Caller, view: View, most: int) -> Response[Any]:
    address, site, by = view.address, view.address.site, view.keep.get("by", "channel")
    now, went_of = totals(house, address, questions.HEADLINE)
    columns = questions.shown_of(questions.COLUMNS, address, by)
    connected = connections.connections_of(house, site, "crm")
    return framed(
        request,
        house,
        caller,
        "crm/deals.html",
        **view.top(questions.FILTER_BY, house.offers.goal_names(view.address.site)),
        now=now,
        went_of=went_of,
        tiles=[FIGURES[name] for name in questions.shown_of(questions.TILES, address)],
        table=breakdown(house, address, by, columns, most, then="crm.revenue"),
        splits=questions.SPLITS,
        stages=questions.stages(house, address),
        owed=questions.owed(house, address),
        debts=DEBTS,
        sqls=[("funnel", questions.sql("funnel")), ("hygiene", questions.sql("hygiene"))],
        bound={name: str(value) for name, value in questions.bound(address).items()},
        has_deals=store.has_deals(house, site),
        connected=connected,
        skipped=connections.skipped_of(house, [c.id for c in connected]),
        failed=kept.failed_loads(house, site) if caller.may("deals.edit") else [],
        names_of_stages=kept.names_of(house, [c.id for c in connected]),
        hexed=hexed,
        clock=clock.now(),
        never=NEVER,
    )


@post_form("/deals/import", may="deals.edit", request_max_body_size=LARGEST_FILE)
def upload(request: Request[Any, Any, Any], house: House, caller: Caller, data: Upload) -> Response[str]:
    """A file of records: shown what it would change, or kept when `act` is `take`. Nothing of one with problems is."""
    site, file = site_for(house, caller, request.query_params.get("site")), data.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise UserError("No file was chosen.", "Choose the CSV file that the CRM exported.")
    with on_disk(file.file, file.filename) as path, watched(request, house, caller):
        brought = jobs.bring_in(house, site, path, data.get("act") != "take", caller.person_id)
    if not brought.is_dry and not brought.problems:
        house.runner.look_again()
        with house.database.write() as c:
            note(c, site.workspace_id, caller.person_id, "deals.imported", site.key, fresh=brought.fresh)
    return framed(request, house, caller, "crm/_import.html", site=site, **msgspec.structs.asdict(brought))


# ── mapping ──


def _held(house: House, caller: Caller, request: Request[Any, Any, Any], number: int) -> tuple[Site, Connection]:
    caller.must("deals.edit")
    site = site_for(house, caller, request.query_params.get("site"))
    held = connections.connection(house, number, site)
    if held.area != "crm" or held.system not in jobs.CRMS:
        raise UserError("This connection is no CRM.", "Choose one of the page Deals.", status=404)
    return site, held


@get_page("/deals/mapping/{number:int}", "Fields and stages", may="deals.edit")
def mapping(request: Request[Any, Any, Any], house: House, caller: Caller, number: int) -> Response[str]:
    """How the records of one connection are read, and the choices that the CRM itself gives."""
    site, held = _held(house, caller, request, number)
    return _mapping(request, house, caller, site, held)


def _mapping(
    request: Request[Any, Any, Any], house: House, caller: Caller, site: Site, held: Connection, told: str = ""
) -> Response[str]:
    chosen, listed = kept.chosen_for(house, held.id), jobs.listed(house, held)
    crm, (leads, qualified) = jobs.CRMS[held.system], remap.standing(house, site, held)
    return framed(
        request,
        house,
        caller,
        "crm/mapping.html",
        site=site,
        held=held,
        crm=crm,
        chosen=chosen,
        listed=listed,
        stages=questions.stages_known(house, site, held, listed.stages, chosen),
        leads=leads,
        qualified=qualified,
        groups=GROUPS,
        none_of=NONE,
        kinds=list(StageKind),
        told=told,
    )


@post_form("/deals/mapping/{number:int}", may="deals.edit")
def change_mapping(
    request: Request[Any, Any, Any], house: House, caller: Caller, number: int, data: Form
) -> Response[str]:
    """What another mapping would change; or, when `act` is `keep` and the dry run was of this very one, make it so."""
    site, held = _held(house, caller, request, number)
    before = kept.chosen_for(house, held.id)
    stages = {**before.stages, **stages_in(data)}
    chosen = Chosen(fields=fields_in(data), stages=stages, names=before.names, revision=before.revision + 1)
    digest = key_of(msgspec.json.encode((sorted(chosen.fields.items()), sorted(stages.items()), before.revision)))[:32]
    if data.get("act") == "keep" and data.get("seen") == digest:
        names = {stage_key(s.kind, s.stage): s.label for s in jobs.listed(house, held).stages}
        is_done = jobs.keep_mapping(house, site, held, msgspec.structs.replace(chosen, names=before.names | names),
                                    caller.person_id)  # fmt: skip
        house.runner.look_again()
        return _mapping(request, house, caller, site, held, "kept" if is_done else "waits")
    trial = remap.tried(house, site, held, jobs.CRMS[held.system].mapping, chosen)
    return framed(
        request, house, caller, "crm/_trial.html", site=site, trial=trial, digest=digest, shown=SHOWN,
        is_stale=data.get("act") == "keep", keep_at=f"/deals/mapping/{number}?{urlencode({'site': site.key})}",
        can_poll=jobs.CRMS[held.system].page is not None,
    )  # fmt: skip


ROUTES = [page, upload, mapping, change_mapping]
