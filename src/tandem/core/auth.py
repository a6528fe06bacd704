"""Who asks, and whether they may: sign-in cookie or API token, cross-site checks, permissions."""

import hashlib
import hmac
from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from litestar import Request
from litestar.concurrency import sync_to_thread
from litestar.connection import ASGIConnection
from litestar.enums import RequestEncodingType
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard
from litestar.utils.sync import AsyncCallable

from tandem.accounts import store
from tandem.accounts.model import LANGUAGES, ApiToken, Site, User
from tandem.accounts.permissions import DEEDS, SCOPES, SIDES
from tandem.base.errors import Busy, UserError
from tandem.base.pages import LANGUAGE_OF_CALLER
from tandem.base.places import PATIENCE_S, CallerPlaces
from tandem.base.sender import sender_of
from tandem.base.threads import LANE, Lane
from tandem.base.words import hand_in
from tandem.core.context import Context
from tandem.core.pages import ANYONE, SIGNED_IN
from tandem.core.query import ASKED_BY

COOKIE = "tandem_sign_in"
LENSES = ("marketing", "engineering", "executive")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class NotSignedIn(UserError):
    """Nobody is signed in; pages lead to the sign-in form."""

    def __init__(self) -> None:
        super().__init__("You are not signed in.", "Sign in, or send an API token.", status=401)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who stands behind a request: a user who signed in, or a program with a token."""

    workspace_id: int
    user: User | None
    token: ApiToken | None
    csrf: str
    language: str
    theme: str

    def may(self, act: str) -> bool:
        if self.user is not None:
            return self.user.may(act)
        return self.token is not None and self.token.may(act)

    def must(self, act: str) -> None:
        """Raises UserError (403) unless the caller may do this."""
        if not self.may(act):
            if self.token is not None and any(SCOPES.get(scope) == act for scope in self.token.scopes):
                raise UserError(
                    "The user who created this token is no longer allowed to %(deed)s.", (
                        "Ask a user with that permission for a token."
                    ),
                    403, deed=DEEDS[act],
                )  # fmt: skip
            if self.user is None:
                raise _token_refused(act)
            raise UserError(
                "Your role (%(role)s) does not let you %(deed)s.", "Ask an admin of the workspace.", 403,
                role=self.user.role.title(), deed=DEEDS[act],
            )  # fmt: skip

    @property
    def lens(self) -> str:
        return SIDES[self.user.role] if self.user else "marketing"

    @property
    def key(self) -> str:
        """Whose limits a request counts for."""
        return f"user {self.user.id}" if self.user else f"token {self.token.id}" if self.token else ""

    @property
    def user_id(self) -> int | None:
        return self.user.id if self.user else None

    @property
    def name(self) -> str:
        return self.user.name if self.user else self.token.name if self.token else ""


def _token_refused(act: str) -> UserError:
    scopes = ", ".join(scope for scope, allows in SCOPES.items() if allows == act)
    if not scopes:
        return UserError("API tokens are not allowed to %(deed)s.", "Sign in with a browser.", 403, deed=DEEDS[act])
    return UserError(
        "This token is not allowed to %(deed)s.",
        "Create one with the scope %(scope)s.",
        403,
        deed=DEEDS[act],
        scope=scopes,
    )


_ASKS = "tandem.caller"
ADMITTED, LEAVES = "tandem.admitted", "tandem.leaves"
"""In a request's state: what to call when its sender is known and may enter, and when it is answered."""
PLAIN_FORM = 4096
"""Bytes of a form that is read before its sender is known to come from our page: one of a button and hidden fields."""
ASYNC_AT_ONCE = 16
"""Requests of one caller that need no thread, at once: each may hold a body of 4 MB."""


def caller_of(request: Request[Any, Any, Any], ctx: Context) -> Caller:
    """Who asks.

    raises   NotSignedIn; UserError (403) when a browser sends a change without our page's proof
    """
    remembered: Caller | None = request.scope["state"].get(_ASKS)  # where `guard` has looked already
    caller = remembered or _caller_of(request, ctx)
    request.scope["state"][LANGUAGE_OF_CALLER] = caller.language  # errors are told in it too
    return caller


def known_caller(request: Request[Any, Any, Any]) -> Caller | None:
    """Who asks, where the guard has let them in; None for strangers and for who was kept out."""
    caller: Caller | None = request.scope["state"].get(_ASKS)
    return caller


def _caller_of(request: Request[Any, Any, Any], ctx: Context, is_proved: bool = False) -> Caller:
    """Who asks; `is_proved` where somebody else makes sure that a change comes from our page."""
    header = request.headers.get("authorization", "")
    if header.lower().startswith("bearer "):
        token = store.token_of(ctx.database, header[7:].strip())
        if token is None:
            raise UserError(
                "This API token is unknown, expired or revoked.", "Create a new one in the settings.", status=401
            )
        return Caller(workspace_id=token.workspace_id, user=None, token=token, csrf="", language="en", theme="auto")
    cookie = request.cookies.get(COOKIE, "")
    user = store.user_signed_in(ctx.database, cookie) if cookie else None
    if user is None:
        raise NotSignedIn()
    csrf = csrf_of(ctx, cookie)
    if request.method not in SAFE_METHODS:
        check_origin(request)
        if not is_proved:
            _check_csrf(request.headers.get("x-csrf", ""), csrf)
    chosen = request.cookies.get("tandem_language", "")
    language = chosen if chosen in LANGUAGES else user.language
    return Caller(workspace_id=user.workspace_id, user=user, token=None, csrf=csrf, language=language, theme=user.theme)


def sender_address(request: Request[Any, Any, Any], ctx: Context) -> str:
    """The address a request came from; behind our own proxy it is not the proxy's, which all people share."""
    return sender_of(request.scope, ctx.proxies)


def guard(ctx: Context) -> Guard:
    """The guard of all routes: whoever may not is told so before anything of what they send is read."""

    places, many_places = CallerPlaces(), CallerPlaces(ASYNC_AT_ONCE)

    async def may_enter(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if connection.scope.get("method") == "OPTIONS":  # tells the methods of an address, nothing else
            return
        acts, request = acts_of(handler.opt), Request[Any, Any, Any](connection.scope)
        if ANYONE in acts:
            LANE.set(handler.opt.get("lane", Lane.STRANGERS))
            if (knows := handler.opt.get("knows")) is not None:
                await sync_to_thread(knows, ctx, request)
            return
        state = connection.scope["state"]
        LANE.set(Lane.ENTRY)
        state[_ASKS] = caller = await sync_to_thread(_caller_of, request, ctx, True)
        if request.method not in SAFE_METHODS and caller.token is None:
            _check_csrf(await _proof_of(connection), caller.csrf)
        LANE.set(Lane.PAGES)
        state[LANGUAGE_OF_CALLER] = caller.language
        for act in acts:
            if act != SIGNED_IN:
                caller.must(act)
        ASKED_BY.set(caller.key)
        if (admitted := state.get(ADMITTED)) is not None:  # else nobody gives the place back
            admitted()
            await _take_place(state, caller, places if isinstance(handler.fn, AsyncCallable) else many_places)

    return may_enter


async def _take_place(state: dict[str, Any], caller: Caller, places: CallerPlaces) -> None:
    """One caller's requests do not keep all threads and all memory from others."""
    if not await places.take(caller.key):
        raise Busy(
            "Too many of your queries are running at once.", (
                "Wait for some of them to finish, then try again."
            ),
            retry_after_s=round(PATIENCE_S),
        )  # fmt: skip
    state[LEAVES] = partial(places.leave, caller.key)


def acts_of(opt: Mapping[str, Any]) -> tuple[str, ...]:
    """What entering a route needs: permissions, all of them; or `ANYONE`, or `SIGNED_IN`.

    raises   KeyError for a route that does not say: there is no default
    """
    may: str | tuple[str, ...] = opt["may"]
    return (may,) if isinstance(may, str) else may


def csrf_of(ctx: Context, cookie: str) -> str:
    """The proof that a form came from our page: bound to the sign-in, useless without it."""
    return hmac.new(ctx.secret, b"csrf:" + cookie.encode(), hashlib.sha256).hexdigest()[:32]


async def _proof_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """What proves that a change comes from our page: scripts send a header; without them a short form has a field."""
    headers = connection.headers
    length = headers.get("content-length", "")
    is_short_form = headers.get("content-type", "").startswith(RequestEncodingType.URL_ENCODED) and (
        length.isascii() and length.isdecimal() and int(length) <= PLAIN_FORM
    )
    if "x-csrf" in headers or not is_short_form:
        return headers.get("x-csrf", "")
    form = await Request[Any, Any, Any](connection.scope, connection.receive).form()
    return str(form.get("csrf", ""))


def _check_csrf(proof: str, expected: str) -> None:
    if not hmac.compare_digest(proof.encode(), expected.encode()):
        raise UserError("This form has expired.", "Reload the page and try again.", status=403)


def check_origin(request: Request[Any, Any, Any] | ASGIConnection[Any, Any, Any, Any]) -> None:
    """Refuse a change that another site's page sends."""
    origin = request.headers.get("origin", "")
    host = request.headers.get("host", "")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") or (
        origin and origin != "null" and origin.partition("://")[2] != host
    ):
        raise UserError("This request came from another site.", "Use the form on Tandem's own page.", status=403)


MOST_NAMED = 10
"""Sites that an error names."""


def sites_for(ctx: Context, caller: Caller) -> list[Site]:
    """The sites that somebody may see: the workspace's; of a token that is bound to a site, that one only."""
    sites = [s for s in ctx.sites().values() if s.workspace_id == caller.workspace_id]
    if caller.token is not None and caller.token.site_id is not None:
        return [s for s in sites if s.id == caller.token.site_id]
    return sites


def site_for(ctx: Context, caller: Caller, key: str | None) -> Site:
    """The site asked for, or the workspace's first; a token bound to a site sees that one only.

    raises   UserError when there is none
    """
    sites = sites_for(ctx, caller)
    chosen = next((s for s in sites if not key or s.key == key), None)
    if chosen is None:
        raise _no_site(caller, key, sites)
    return chosen


def _no_site(caller: Caller, key: str | None, sites: list[Site]) -> UserError:
    """With what this caller can do about it: choose another one, add it, or ask somebody who may."""
    if sites:
        named = ", ".join(s.key for s in sites[:MOST_NAMED])
        return UserError(
            "There is no site “%(key)s” here.", "Use one of these: %(sites)s.", 404, key=(key or "")[:60], sites=named
        )
    if caller.may("sites.edit"):
        return UserError("There is no site yet.", "Add one on the Settings page.", 404)
    return UserError("There is no site yet.", "Ask an admin to add one.", 404)


hand_in(
    {
        "LENSES": {"marketing": "Marketing", "engineering": "Engineering", "executive": "Executive"},
    }
)
