"""The page Deals: what becomes of the leads, and what marketing and sales owe each other."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from tandem.accounts.frame import framed, lens_of
from tandem.accounts.guard import Caller, site_for
from tandem.accounts.house import House
from tandem.accounts.store import note
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.connections import store as connections
from tandem.crm import jobs, questions, store
from tandem.crm.model.deal import NEVER
from tandem.crm.model.debts import DEBTS
from tandem.metrics.address import View, address_of
from tandem.metrics.breakdown import breakdown, fitting, totals
from tandem.metrics.catalogue import FIGURES
from tandem.people.store import hexed

Upload = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)]
LARGEST_FILE = 64 << 20


def _view(request: Request[Any, Any, Any], house: House, caller: Caller) -> View:
    query = {k: v for k, v in request.query_params.items() if isinstance(v, str)}
    site = site_for(house, caller, query.get("site"))
    filters = request.query_params.getall("f", [])
    address = fitting(address_of(query, filters, site, lens_of(request, caller), clock.now()), "crm.leads")
    kept = {"by": by} if (by := query.get("by", "")) in questions.SPLITS and "op" not in query else {}
    return View(path="/deals", address=address, keep=kept)


@get("/deals", sync_to_thread=True, include_in_schema=False)
def page(request: Request[Any, Any, Any], house: House, caller: Caller) -> Response[Any]:
    caller.must("deals.read")
    view, asked = _view(request, house, caller), request.query_params
    if moved := view.asked_for(asked):
        return Redirect(moved)
    most = asked.get("most", "")
    shown = int(most) if most.isdecimal() and len(most) < 7 else questions.SHOWN
    return _page(request, house, caller, view, shown)


def _page(request: Request[Any, Any, Any], house: House, caller: Caller, view: View, most: int) -> Response[Any]:
    address, site = view.address, view.address.site
    now, before = totals(house, address, questions.HEADLINE)
    return framed(
        request,
        house,
        caller,
        "crm/deals.html",
        **view.top(questions.FILTER_BY),
        names={},
        now=now,
        before=before,
        tiles=[FIGURES[name] for name in questions.TILES],
        table=breakdown(house, address, view.keep.get("by", "channel"), questions.COLUMNS, most, then="crm.revenue"),
        splits=questions.SPLITS,
        stages=questions.stages(house, address),
        owed=questions.owed(house, address),
        debts=DEBTS,
        sqls=[("funnel", questions.sql("funnel")), ("hygiene", questions.sql("hygiene"))],
        bound={name: str(value) for name, value in questions.bound(address).items()},
        has_deals=store.has_deals(house, site),
        connected=connections.connections_of(house, site, "crm"),
        hexed=hexed,
        clock=clock.now(),
        never=NEVER,
    )


@post(
    "/deals/import", sync_to_thread=True, status_code=200, include_in_schema=False, request_max_body_size=LARGEST_FILE
)
def upload(request: Request[Any, Any, Any], house: House, caller: Caller, data: Upload) -> Response[str]:
    """A file of records: shown what it would change, or kept when `act` is `take`. Nothing of one with problems is."""
    caller.must("deals.edit")
    site, file = site_for(house, caller, request.query_params.get("site")), data.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise UserError("No file was chosen.", "Choose the CSV file that the CRM exported.")
    brought = jobs.bring_in(house, site, file.file.read(), is_dry=data.get("act") != "take")
    if not brought.is_dry and not brought.problems:
        with house.database.write() as c:
            note(c, site.workspace_id, caller.person_id, "deals.imported", site.key, fresh=brought.fresh)
    return framed(request, house, caller, "crm/_import.html", site=site, **msgspec.structs.asdict(brought))


ROUTES = [page, upload]
