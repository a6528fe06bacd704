"""Sign-in with a password, a second factor or an OpenID provider; set-up, forgotten passwords, invitations."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from litestar import Request, Response
from litestar.response import Redirect

from tandem.accounts import store
from tandem.accounts.model import User, email_of
from tandem.accounts.permissions import Role
from tandem.accounts.store import links, second_factor, tries
from tandem.accounts.store.tries import TryLimit, give_back, take
from tandem.base import pages, translations
from tandem.base.currencies import tenders
from tandem.base.error_pages import others_said
from tandem.base.errors import UserError, tell_together
from tandem.base.sender import household
from tandem.core.auth import COOKIE, Caller, check_origin, sender_address
from tandem.core.context import Context
from tandem.core.pages import ANYONE, SIGNED_IN, get_page, get_part, post_form
from tandem.delivery import smtp
from tandem.delivery import store as delivery
from tandem.settings import first_code, letters, provider, regions, sessions, two_factor
from tandem.settings.routes.forms import Asked, Form, link_address
from tandem.settings.sessions import cookie, first_factor_passed, is_by_script, limits, local, signed_in

if TYPE_CHECKING:
    from tandem.settings.oidc import Client

NO_MATCH = "Wrong e-mail address or password."
AWAY = "tandem_openid"
NOT_RIGHT = "The code is wrong, or it has been used already."


@get_part("/", may=ANYONE)
def start(ctx: Context) -> Redirect:
    return Redirect("/board" if store.is_set_up(ctx.database) else "/set-up")


@get_page("/sign-in", "Sign in", may=ANYONE)
def sign_in_form(request: Request[Any, Any, Any], ctx: Context, next: str = "/", ended: str = "") -> Response[Any]:
    if not store.is_set_up(ctx.database):
        return Redirect("/set-up")
    return _sign_in_page(request, ctx, local(next), has_ended=ended == "1")


def _sign_in_page(
    request: Request[Any, Any, Any], ctx: Context, onward: str, failed: str = "", email: str = "", status: int = 200,
    has_ended: bool = False,
) -> Response[str]:  # fmt: skip
    demo = ctx.offers.demo_sign_ins
    openid = ctx.config.oidc_name if ctx.config.oidc_issuer else ""
    language = pages.language_of(request)
    facts: dict[str, Any] = {"next": onward, "failed": failed, "email": email, "has_ended": has_ended}
    facts |= {"demo": demo, "openid": openid}
    return pages.page("settings/sign_in.html", language, status, **facts)


@post_form("/sign-in", may=ANYONE)
def sign_in(request: Request[Any, Any, Any], ctx: Context, data: Form) -> Response[Any]:
    check_origin(request)
    email, onward = data.get("email", "").strip().lower(), local(data.get("next", "/"))
    counted = limits(ctx, request, email)
    tries.take(ctx.database, *counted)
    user = store.check_password(ctx.database, email, data.get("password", ""))
    if user is None:
        if is_by_script(request):
            raise UserError(NO_MATCH, status=401).at("password")
        return _sign_in_page(request, ctx, onward, NO_MATCH, email, 401)
    tries.give_back(ctx.database, *counted)
    return first_factor_passed(ctx, request, user, onward)


@post_form("/sign-out", may=SIGNED_IN)
def sign_out(request: Request[Any, Any, Any], ctx: Context, caller: Caller) -> Response[Any]:
    store.sign_out(ctx.database, request.cookies.get(COOKIE, ""))
    return Response(None, status_code=200, headers={"hx-redirect": "/sign-in"}, cookies=[cookie(ctx, "", 0)])


@get_page("/sign-in/code", "Two-factor sign-in", may=ANYONE)
def code_form(request: Asked, ctx: Context) -> Response[Any]:
    try:
        sessions.halfway(ctx, request)
    except UserError:
        return Redirect("/sign-in")
    return pages.page("settings/code.html", pages.language_of(request), failed="")


@post_form("/sign-in/code", may=ANYONE)
def code(request: Asked, ctx: Context, data: Form) -> Response[Any]:
    check_origin(request)
    user, halfway = sessions.halfway(ctx, request)
    counted = two_factor.limits(user, sessions.known_device(ctx, request, user.email))
    take(ctx.database, *counted)
    if not two_factor.accept(ctx, user, data.get("code", "")):
        second_factor.note_failed(ctx.database, user)
        if is_by_script(request):
            raise UserError(NOT_RIGHT, status=401).at("code")
        return pages.page("settings/code.html", pages.language_of(request), 401, failed=NOT_RIGHT)
    give_back(ctx.database, *counted)
    return sessions.signed_in(ctx, request, user, halfway.onward, halfway.way)


@get_page("/set-up", "Set up Tandem", may=ANYONE)
def set_up_form(request: Request[Any, Any, Any], ctx: Context, code: str = "") -> Response[Any]:
    if store.is_set_up(ctx.database):
        return Redirect("/sign-in")
    return _set_up_page(request, {"code": code})


def _set_up_page(
    request: Request[Any, Any, Any],
    values: dict[str, str],
    problem: tuple[str, ...] | None = None,
    status: int = 200,
    others: Sequence[tuple[str, str, str]] = (),
) -> Response[str]:
    """The form; a password is never written into it."""
    language = pages.language_of(request)
    zone, currency = regions.guessed(request.headers.get("accept-language", ""))
    values = {"zone": zone, "currency": currency} | {k: v for k, v in values.items() if k != "password"}
    lists = {"zones": regions.zones(language), "currencies": tenders(language)}
    return pages.page("settings/set_up.html", language, status, problem=problem, others=others, given=values, **lists)


@post_form("/set-up", may=ANYONE)
def set_up(request: Request[Any, Any, Any], ctx: Context, data: Form) -> Response[Any]:
    check_origin(request)
    if store.is_set_up(ctx.database):
        raise store.IS_SET_UP
    given = {
        "company": data.get("company", ""), "email": data.get("email", ""), "name": data.get("name", ""),
        "password": data.get("password", ""), "key": data.get("key", ""), "zone": data.get("zone") or "UTC",
        "currency": data.get("currency") or "EUR",
    }  # fmt: skip
    hosts = [data.get("host", "")]
    try:
        tell_together(
            partial(_check_code, request, ctx, data.get("code", "")), partial(store.check_set_up, hosts=hosts, **given)
        )
        user = store.set_up(ctx.database, hosts=hosts, language=pages.language_of(request), **given)
    except UserError as error:
        if error.status != 400 or is_by_script(request):
            raise
        language = pages.language_of(request)
        problem = tuple(translations.said(language, sentence, error.values) for sentence in error.sentences)
        return _set_up_page(request, data, problem, 400, others_said(language, error))
    ctx.forget_sites()
    first_code.announced(ctx)
    return signed_in(ctx, request, user, "/start")


def _check_code(request: Request[Any, Any, Any], ctx: Context, code: str) -> None:
    """Refuse whoever does not know the code; who does may mistype the other fields as often as they like."""
    counted = tries.TryLimit(f"set-up:{household(sender_address(request, ctx))}", 20, 300)
    tries.take(ctx.database, counted)
    if not first_code.is_code(ctx, code):
        raise UserError(
            "The set-up code is wrong.",
            "The server printed it when it started. It is also in the file “set-up-code” in the data folder.",
        ).at("code")
    tries.give_back(ctx.database, counted)


@get_page("/forgot", "Forgot password?", may=ANYONE)
def forgot_form(request: Asked, ctx: Context) -> Response[str]:
    return _forgot(request, ctx)


def _forgot(request: Asked, ctx: Context, is_asked: bool = False) -> Response[str]:
    sends_mail = smtp.is_set(ctx.config)
    return pages.page("settings/forgot.html", pages.language_of(request), sends_mail=sends_mail, is_asked=is_asked)


@post_form("/forgot", may=ANYONE)
def forgot(request: Asked, ctx: Context, data: Form) -> Response[str]:
    """Send a link, if the address is known. The answer, and the work done for it, are the same if it is not."""
    check_origin(request)
    email = email_of(data.get("email", ""))
    take(ctx.database, TryLimit(f"forgot:{household(sender_address(request, ctx))}", 20, 300))
    if email and smtp.is_set(ctx.config) and _may_be_sent(ctx, email):
        user = store.user_by_email(ctx.database, email)
        whom = user or User(id=0, workspace_id=0, email=email, name="", role=Role.VIEWER)
        link = link_address(ctx, links.make(ctx.database, user, links.RESET))
        message = letters.letter(whom, "reset", link=link)
        delivery.put(ctx, user, "reset", message, links.HOLDS[links.RESET])
    return _forgot(request, ctx, is_asked=True)


def _may_be_sent(ctx: Context, email: str) -> bool:
    """Nobody is sent more than three letters in an hour because a stranger asks for them."""
    try:
        take(ctx.database, TryLimit(f"forgotten:{email}", 3, 3600))
    except UserError:
        return False
    return True


@get_page("/link/{token:str}", "Choose a password", may=ANYONE)
def link_form(request: Asked, ctx: Context, token: str) -> Response[str]:
    return _link(request, ctx, token)


def _link(request: Asked, ctx: Context, token: str, problem: Any = None, status: int = 200) -> Response[str]:
    user, kind = links.user_of(ctx.database, token)
    language = pages.language_of(request)
    return pages.page("settings/link.html", language, status, user=user, kind=kind, token=token, problem=problem)


@post_form("/link/{token:str}", may=ANYONE)
def use_link(request: Asked, ctx: Context, token: str, data: Form) -> Response[Any]:
    check_origin(request)
    try:
        _, kind = links.user_of(ctx.database, token)
        user = links.use(ctx.database, token, data.get("password", ""))
    except UserError as error:
        if error.status != 400 or is_by_script(request):
            raise
        said = [translations.said(pages.language_of(request), sentence, error.values) for sentence in error.sentences]
        return _link(request, ctx, token, said, 400)
    if kind == links.INVITE:  # whoever invited them could only guess it
        user = store.change_user(ctx.database, user, language=pages.language_of(request))
    else:
        letters.send(ctx, user, "password")
    return sessions.first_factor_passed(ctx, request, user, "/", "link")


@get_part("/sign-in/openid", may=ANYONE)
def openid(request: Asked, ctx: Context, next: str = "/") -> Response[Any]:
    client = _client(ctx)
    take(ctx.database, _openid_limit(request, ctx))
    address, sealed = client.leave(sessions.local(next))
    cookie = sessions.cookie(ctx, sealed, provider.HOLDS_S, AWAY, "/sign-in/openid")
    return Response(None, status_code=303, headers={"location": address}, cookies=[cookie])


@get_part(provider.CALLBACK, may=ANYONE)
def openid_back(request: Asked, ctx: Context) -> Response[Any]:
    claims, onward = _client(ctx).come_back(request.cookies.get(AWAY, ""), dict(request.query_params))
    user = store.user_by_email(ctx.database, claims.email) or _newcomer(ctx, claims)
    answer = sessions.first_factor_passed(ctx, request, user, onward, "openid")
    answer.set_cookie(sessions.cookie(ctx, "", 0, AWAY, "/sign-in/openid"))
    give_back(ctx.database, _openid_limit(request, ctx))
    return answer


def _openid_limit(request: Asked, ctx: Context) -> TryLimit:
    """What leaving for the provider counts against until somebody comes back known; who came back left before."""
    return TryLimit(f"openid-sender:{household(sender_address(request, ctx))}", 40, 300)


def _client(ctx: Context) -> "Client":
    client = None
    if provider.is_set(ctx.config):  # its libraries take long to load
        from tandem.settings.oidc import Client

        client = ctx.find(Client)
    if client is None:
        raise UserError("Single sign-on is not set up here.", "Sign in with your password.", status=404)
    return client


def _newcomer(ctx: Context, claims: provider.Claims) -> User:
    """Somebody whom the provider knows and Tandem does not: made only where the operator chose a role for them."""
    role, workspace = ctx.config.oidc_role, store.only_workspace(ctx.database)
    if not role or workspace is None or store.is_known(ctx.database, claims.email):
        raise UserError(
            "You have no access to this Tandem.", "Ask an admin of the workspace to invite you.", status=403
        )
    return store.add_user(ctx.database, workspace, claims.email, claims.name, role, None)


ROUTES = [
    start,
    sign_in_form,
    sign_in,
    sign_out,
    code_form,
    code,
    set_up_form,
    set_up,
    forgot_form,
    forgot,
    link_form,
    use_link,
    openid,
    openid_back,
]
