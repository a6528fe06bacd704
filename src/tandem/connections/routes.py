"""The page of connections, and the address of webhooks of outside systems."""

import hmac
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import parse_qsl

from litestar import Request, Response, route
from litestar.enums import RequestEncodingType
from litestar.params import Body

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.base.sender import sender_of
from tandem.base.threads import Lane
from tandem.connections import store
from tandem.connections.model import Accepted, Connection, Incoming, System, Systems
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.layout import render_page
from tandem.core.pages import ANYONE, get_page, post_form

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
Accept = Callable[[Connection, Incoming], Accepted]
AREAS = {"calls": "Phone system", "crm": "CRM", "ads": "Ad systems", "reconcile": "Web analytics"}
MOST_BYTES = 1 << 20


@get_page("/connections", "Connections", icon="plug", group="Settings", may="connections.edit")
def page(
    request: Request[Any, Any, Any],
    ctx: Context,
    caller: Caller,
    site: str | None = None,
    area: str = "",
    system: str = "",
) -> Response[str]:
    return _page(request, ctx, caller, site_for(ctx, caller, site), store.systems_of(ctx).get((area, system)))


def _page(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: Site, chosen: System | None = None
) -> Response[str]:
    connections = store.connections_of(ctx, site)
    systems = store.systems_of(ctx)
    return render_page(
        request,
        ctx,
        caller,
        "connections/connections.html",
        site=site,
        connections=connections,
        systems=systems,
        by_area={area: [s for s in systems.values() if s.area == area] for area in AREAS},
        areas=AREAS,
        chosen=chosen,
        waiting=store.waiting(ctx, [c.id for c in connections]),
        skipped=store.skipped_of(ctx, [c.id for c in connections]),
        hooks={c.id: store.hook_address(ctx, c) for c in connections if _takes_hooks(systems, c)},
        now=clock.now(),
    )


def _takes_hooks(systems: Systems, connection: Connection) -> bool:
    system = systems.get((connection.area, connection.system))
    return system is not None and system.accept is not None


@post_form("/connections", may="connections.edit", status_code=201)
def add(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, data: Form, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    system = store.systems_of(ctx).get((data.get("area", ""), data.get("system", "")))
    if system is None:
        raise UserError("There is no such system.", "Choose one from the list.", status=404)
    store.add(ctx, chosen, system, data.get("name", ""), data, caller.user_id)
    return _page(request, ctx, caller, chosen)


@post_form("/connections/{number:int}", may="connections.edit")
def change(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int, data: Form, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    connection = store.connection(ctx, number, chosen)
    store.change(
        ctx, chosen, connection, data.get("name", connection.name), data, data.get("is_on") == "1", caller.user_id
    )
    return _page(request, ctx, caller, chosen)


@post_form("/connections/{number:int}/poll", may="connections.edit")
def poll(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    connection = store.connection(ctx, number, chosen)
    store.poll_now(ctx, connection)
    store.try_again(ctx, connection)
    return _page(request, ctx, caller, chosen)


@post_form("/connections/{number:int}/remove", may="connections.edit")
def remove(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    store.remove(ctx, chosen, store.connection(ctx, number, chosen), caller.user_id)
    return _page(request, ctx, caller, chosen)


def _hooked(ctx: Context, number: int, token: str) -> tuple[Connection, Accept]:
    """The connection of a webhook address, and what takes its webhooks.

    raises   UserError where there is none, or it takes none
    """
    connection = store.connection(ctx, number)
    if not hmac.compare_digest(token.encode(), store.hook_token(ctx, connection).encode()):
        raise UserError("There is no such connection.", "Copy the address from the Connections page.", status=404)
    system = store.systems_of(ctx).get((connection.area, connection.system))
    if system is None or system.accept is None or not connection.is_on:
        raise UserError("This connection does not accept webhooks.", "Switch it on, or use polling.", status=409)
    store.must_be_readable(connection)  # without its secret, a signature proves nothing
    return connection, system.accept


def _knows(ctx: Context, request: Request[Any, Any, Any]) -> None:
    """Refuse what comes to an address that nobody was given before its body is read."""
    _hooked(ctx, request.path_params["number"], request.path_params["token"])
    if (request.content_length or 0) > MOST_BYTES:
        raise UserError("The webhook is larger than 1 MB.", "Send fewer records at once.", status=413)


@route(
    "/hooks/in/{number:int}/{token:str}",
    may=ANYONE,
    lane=Lane.ENTRY,
    knows=_knows,
    request_max_body_size=MOST_BYTES,
    http_method=["GET", "POST"],
    sync_to_thread=True,
    status_code=200,
    include_in_schema=False,
)
def hook(request: Request[Any, Any, Any], ctx: Context, number: int, token: str, body: bytes) -> Response[str]:
    """A webhook: believed if its signature fits, on disk before it is answered, worked on later by a job."""
    connection, accept = _hooked(ctx, number, token)
    incoming = incoming_of(ctx, request, body)
    accepted = accept(connection, incoming)
    if accepted.key:
        store.keep_delivery(ctx, connection, accepted.key, incoming)
    return Response(accepted.answer, media_type=accepted.media_type)


def incoming_of(ctx: Context, request: Request[Any, Any, Any], body: bytes) -> Incoming:
    """A request as the slices' checks see it. The address is the public one, which is what senders sign."""
    query = str(request.url.query or "")
    is_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True) if is_form else []
    return Incoming(
        method=str(request.method),
        url=ctx.config.base_url + request.url.path + (f"?{query}" if query else ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        query=tuple(parse_qsl(query, keep_blank_values=True)),
        form=tuple(form),
        body=body,
        sender=sender_of(request.scope, ctx.proxies),
    )


ROUTES = [page, add, change, poll, remove, hook]
