"""The frame around each page: menu, site, lens, language, theme and who is signed in."""

from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar import MediaType, Request, Response
from litestar.datastructures import Cookie

from tandem.accounts.model import Site
from tandem.base import formats, pages, translations
from tandem.base.errors import UserError
from tandem.base.translations import said
from tandem.base.words import hand_in
from tandem.core.auth import LENSES, Caller, sites_for
from tandem.core.context import Context
from tandem.core.pages import GROUPS, Page

Parts = list[tuple[str, str]]
"""Names and values of an address, in their order."""
CARRIED = ("site", "period", "compare", "bots", "lens")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A page in the menu."""

    title: str
    address: str
    icon: str
    is_here: bool
    is_at_hand: bool


class IdleFilter(msgspec.Struct, frozen=True, kw_only=True):
    """A filter that the address carries through a page without filters; `without` is the page's address without it."""

    by: str
    label: str
    op: str
    values: tuple[tuple[str, str], ...]
    """Each with the name it goes by, where it has one of its own."""
    without: str


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What web/templates/layout.html needs."""

    menu: list[tuple[str, list[Entry]]]
    sites: list[Site]
    site: Site | None
    lens: str
    lenses: tuple[str, ...]
    caller: Caller
    path: str
    here: str
    carried: str
    idle: list[IdleFilter]

    @property
    def short_menu(self) -> list[Entry]:
        """The few entries that a phone shows at once."""
        return [entry for _, group in self.menu for entry in group if entry.is_at_hand]

    def at(self, address: str) -> str:
        """A page's address with the state of this one: site, period, filters, lens."""
        return f"{address}?{self.carried}" if self.carried else address


def lens_of(request: Request[Any, Any, Any], caller: Caller) -> str:
    """The lens asked for in the address, else the one of the caller's side."""
    asked = request.query_params.get("lens", "")
    return asked if asked in LENSES else caller.lens


def go_to(link: str) -> Response[str]:
    """The answer to a form that leads the browser to a page, also where no script reads the header."""
    onward = f'<meta http-equiv="refresh" content="0;url={escape(link)}">'
    return Response(onward, headers={"HX-Redirect": link}, media_type=MediaType.HTML)


def formats_of(caller: Caller) -> formats.Formats:
    """Numbers and dates as the caller's language writes them."""
    return formats.Formats(caller.language if caller.language in translations.LANGUAGES else "en")


def render_page(
    request: Request[Any, Any, Any],
    ctx: Context,
    caller: Caller,
    template: str,
    site: Site | None = None,
    status: int = 200,
    asked: Parts | None = None,
    **facts: Any,
) -> Response[str]:
    """A page of a signed-in person. Asked for by htmx as a fragment, templates leave the frame away.

    asked   those parts of the address that other pages can take over; all of them where it is not said
    """
    sites = sites_for(ctx, caller)
    chosen = site or (sites[0] if sites else None)
    layout = Layout(
        menu=_menu(ctx.pages, caller, request.url.path),
        sites=sites,
        site=chosen,
        lens=lens_of(request, caller),
        lenses=LENSES,
        caller=caller,
        path=request.url.path,
        here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        carried=_carried(_parts(request) if asked is None else asked, chosen),
        idle=[] if "view" in facts or asked is not None else _idle(request, ctx, chosen),
    )
    answer = pages.page(template, caller.language, status, layout=layout, site=chosen, **facts)
    if request.cookies.get(pages.SPOKEN) != caller.language:
        answer.set_cookie(Cookie(key=pages.SPOKEN, value=caller.language, httponly=True, samesite="lax", path="/"))
    return answer


def render_refusal(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, page: Page, error: UserError
) -> Response[str]:
    """What a page's address asks for cannot be shown: the page's frame, the reason, and the way back."""
    site = next((s for s in sites_for(ctx, caller) if s.key == request.query_params.get("site")), None)
    asked = _without_refused(request, error) if error.status == 400 else []
    back = f"{request.url.path}?{urlencode(asked)}" if asked else request.url.path
    return render_page(
        request, ctx, caller, "refused.html", site, error.status, asked, page_title=page.title,
        what=said(caller.language, error.sentences[0], error.values),
        hint=said(caller.language, error.sentences[1], error.values),
        way_back=back if error.status == 400 else "",
    )  # fmt: skip


def _parts(request: Request[Any, Any, Any]) -> Parts:
    return parse_qsl(request.url.query, keep_blank_values=True)


def _without_refused(request: Request[Any, Any, Any], error: UserError) -> Parts:
    """The parts of an address without the one that was refused; the site alone where the error names none."""
    asked = _parts(request)
    value = str(error.values.get("value") or "")
    left = [(name, text) for name, text in asked if name != error.field and not (value and text.startswith(value))]
    return left if left != asked else [(name, text) for name, text in asked if name == "site"]


def _menu(pages: Sequence[Page], caller: Caller, path: str) -> list[tuple[str, list[Entry]]]:
    """The pages the caller may open, by group in the order of the loop."""
    shown: dict[str, list[Entry]] = {g: [] for g in GROUPS}
    for page in sorted(pages, key=lambda p: not p.is_at_hand):
        if page.group is not None and caller.may(page.may):
            is_here = path == page.address or path.startswith(page.address + "/")
            shown[page.group].append(
                Entry(
                    title=page.title, address=page.address, icon=page.icon, is_here=is_here, is_at_hand=page.is_at_hand
                )
            )
    return [(group, entries) for group, entries in shown.items() if entries]


def _carried(asked: Parts, site: Site | None) -> str:
    last = dict(asked)
    parts = [(name, last[name]) for name in CARRIED if last.get(name)]
    if site is not None:
        parts = [("site", site.key), *(p for p in parts if p[0] != "site")]
    parts += [(name, text) for name, text in asked if name == "f" and text]
    return urlencode(parts)


def _idle(request: Request[Any, Any, Any], ctx: Context, site: Site | None) -> list[IdleFilter]:
    """The filters of the address where the page has none: they go on to the next page, so they are not hidden here."""
    asked = list(request.query_params.multi_items())
    written = dict.fromkeys(str(value) for name, value in asked if name == "f" and value)
    names = ctx.offers.goal_names(site) if written and site else {}
    idle_filters = []
    for text in written:
        if parsed := ctx.offers.read_filter(text):
            (by, op, values), label = msgspec.structs.astuple(parsed[0]), parsed[1]
            rest = urlencode([(name, str(value)) for name, value in asked if (name, value) != ("f", text)])
            shown = tuple((value, names.get(value, "") if by == "goal" else "") for value in values)
            at = f"{request.url.path}?{rest}"
            idle_filters.append(IdleFilter(by=by, label=label, op=op, values=shown, without=at))
    return idle_filters


hand_in(
    {
        "THEMES": {"auto": "Same as system", "light": "Light", "dark": "Dark"},
    }
)
