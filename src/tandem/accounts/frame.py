"""The frame around each page: menu, site, lens, language, theme and who is signed in."""

from typing import Any

import msgspec
from litestar import Request, Response

from tandem.accounts.guard import LENSES, Caller
from tandem.accounts.house import House
from tandem.accounts.model import Site
from tandem.base import web


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What web/templates/frame.html needs."""

    menu: list[tuple[str, str, str, str]]
    sites: list[Site]
    site: Site | None
    lens: str
    caller: Caller
    path: str
    here: str


def lens_of(request: Request[Any, Any, Any], caller: Caller) -> str:
    """The lens asked for in the address, else the one of the caller's side."""
    asked = request.query_params.get("lens", "")
    return asked if asked in LENSES else caller.lens


def framed(
    request: Request[Any, Any, Any], house: House, caller: Caller, template: str, site: Site | None = None,
    status: int = 200, **facts: Any,
) -> Response[str]:  # fmt: skip
    """A page of a signed-in person. Asked for by htmx as a fragment, templates leave the frame away."""
    sites = [s for s in house.sites().values() if s.workspace_id == caller.workspace_id]
    frame = Frame(
        menu=house.parts["menu"],
        sites=sites,
        site=site or (sites[0] if sites else None),
        lens=lens_of(request, caller),
        caller=caller,
        path=request.url.path,
        here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
    )
    return web.page(template, caller.language, status, frame=frame, **facts)
