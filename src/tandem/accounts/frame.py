"""The frame around each page: menu, site, lens, language, theme and who is signed in."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response

from tandem.accounts.guard import LENSES, Caller
from tandem.accounts.house import House
from tandem.accounts.model import Site
from tandem.base import web

GROUPS = ("", "Measure", "Signal", "Plan", "Library", "Settings")
FIRST = ("/board", "/traffic", "/realtime", "/changes")
"""What the bar at the bottom of a phone holds, in this order."""
NEEDS = {
    "/reception": "reception.read",
    "/changes": "changes.read",
    "/connections": "connections.edit",
    "/people": "profiles.read",
    "/calls": "calls.read",
    "/deals": "deals.read",
    "/ads": "money.read",
    "/money": "money.read",
    "/reconciliation": "money.read",
}
CARRIED = ("site", "period", "compare", "bots", "lens")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A page in the menu."""

    title: str
    address: str
    icon: str
    is_here: bool


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What web/templates/frame.html needs."""

    menu: list[tuple[str, list[Entry]]]
    sites: list[Site]
    site: Site | None
    lens: str
    lenses: tuple[str, ...]
    caller: Caller
    path: str
    here: str
    carried: str

    @property
    def short_menu(self) -> list[Entry]:
        """The few entries that a phone shows at once."""
        entries = {e.address: e for _, group in self.menu for e in group}
        return [entries[a] for a in FIRST if a in entries]

    def at(self, address: str) -> str:
        """A page's address with the state of this one: site, period, filters, lens."""
        return f"{address}?{self.carried}" if self.carried else address


def lens_of(request: Request[Any, Any, Any], caller: Caller) -> str:
    """The lens asked for in the address, else the one of the caller's side."""
    asked = request.query_params.get("lens", "")
    return asked if asked in LENSES else caller.lens


def framed(
    request: Request[Any, Any, Any],
    house: House,
    caller: Caller,
    template: str,
    site: Site | None = None,
    status: int = 200,
    **facts: Any,
) -> Response[str]:
    """A page of a signed-in person. Asked for by htmx as a fragment, templates leave the frame away."""
    sites = [s for s in house.sites().values() if s.workspace_id == caller.workspace_id]
    chosen = site or (sites[0] if sites else None)
    frame = Frame(
        menu=_menu(house.parts["menu"], caller, request.url.path),
        sites=sites,
        site=chosen,
        lens=lens_of(request, caller),
        lenses=LENSES,
        caller=caller,
        path=request.url.path,
        here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        carried=_carried(request, chosen),
    )
    return web.page(template, caller.language, status, frame=frame, site=chosen, **facts)


def _menu(entries: Sequence[tuple[str, str, str, str]], caller: Caller, path: str) -> list[tuple[str, list[Entry]]]:
    """The entries the caller may open, by group in the order of the loop."""
    shown: dict[str, list[Entry]] = {g: [] for g in GROUPS}
    for group, title, address, icon in (*entries, ("Settings", "Settings", "/settings", "settings")):
        if address not in NEEDS or caller.may(NEEDS[address]):
            is_here = path == address or path.startswith(address + "/")
            shown.setdefault(group, []).append(Entry(title=title, address=address, icon=icon, is_here=is_here))
    order = {address: i for i, address in enumerate(FIRST)}
    return [(g, sorted(found, key=lambda e: order.get(e.address, 9))) for g, found in shown.items() if found]


def _carried(request: Request[Any, Any, Any], site: Site | None) -> str:
    asked = request.query_params
    parts = [(name, str(asked[name])) for name in CARRIED if asked.get(name)]
    if site is not None:
        parts = [("site", site.key), *(p for p in parts if p[0] != "site")]
    parts += [("f", str(f)) for f in asked.getall("f", []) if f]
    return urlencode(parts)
