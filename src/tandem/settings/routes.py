"""My account, invitations, forgotten passwords, the second factor, and sign-in at an OpenID provider."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import segno
from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from tandem.accounts import links, sessions, store, two_factor
from tandem.accounts.frame import framed
from tandem.accounts.guard import COOKIE, Caller, check_origin, sender_address
from tandem.accounts.house import House
from tandem.accounts.model import Person, email_of
from tandem.accounts.permissions import Role
from tandem.accounts.routes import settings_page
from tandem.accounts.tries import Limit, give_back, take
from tandem.base import web
from tandem.base.errors import UserError
from tandem.base.sender import household
from tandem.delivery import smtp
from tandem.delivery import store as delivery
from tandem.delivery.model import KINDS
from tandem.settings import letters, provider

if TYPE_CHECKING:
    from tandem.settings.oidc import Client

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
Asked = Request[Any, Any, Any]
TO_SCAN_S = 1800
AWAY = "tandem_openid"
NOT_RIGHT = "The code is not right, or it was used already."


class Fresh(msgspec.Struct, frozen=True):
    """The secret of an app that is being set up, sealed into the form until a code proves it."""

    person: int
    secret: str
    until: float


# ── my account ──


@get("/account", sync_to_thread=True, include_in_schema=False)
def account(request: Asked, house: House, caller: Caller) -> Response[str]:
    return _account(request, house, caller)


def _user(caller: Caller) -> Person:
    if caller.person is None:
        raise UserError("A token has no account.", "Sign in in a browser.", status=403)
    return caller.person


def _account(request: Asked, house: House, caller: Caller, said: str = "", **more: Any) -> Response[str]:
    person = store.person_by_id(house.database, _user(caller).id)
    caller = msgspec.structs.replace(caller, person=person)
    facts = {"codes": [], "picture": "", "secret": "", "sealed": ""} | more
    return framed(
        request,
        house,
        caller,
        "settings/account.html",
        user=person,
        said=said,
        sessions=store.sessions_of(house.database, person, request.cookies.get(COOKIE, "")),
        codes_left=two_factor.codes_left(house.database, person) if person.has_totp else 0,
        kinds={kind: (label, delivery.wants(house.database, person, kind)) for kind, label in KINDS.items()},
        sends_mail=smtp.is_set(house.settings),
        **facts,
    )


@post("/account", sync_to_thread=True, status_code=200, include_in_schema=False)
def change_account(request: Asked, house: House, caller: Caller, data: Form) -> Response[str]:
    language = data.get("language") if data.get("language") in web.LANGUAGES else None
    store.change_person(house.database, _user(caller), name=data.get("name"), language=language, by=_user(caller).id)
    is_another = language not in (None, caller.language)
    caller = msgspec.structs.replace(caller, language=language or caller.language)
    answer = _account(request, house, caller, "Saved.")
    if is_another:  # the menu and the language that screen readers speak lie outside the part that is swapped
        answer.headers["hx-refresh"] = "true"
    if language:
        answer.set_cookie(Cookie(key="tandem_language", value=language, max_age=31_536_000, samesite="lax", path="/"))
    return answer


@post("/account/password", sync_to_thread=True, status_code=200, include_in_schema=False)
def change_password(request: Asked, house: House, caller: Caller, data: Form) -> Response[str]:
    person = _user(caller)
    limit = _password_tries(person)
    take(house.database, limit)
    store.change_password(
        house.database, person, data.get("old", ""), data.get("new", ""), request.cookies.get(COOKIE, "")
    )
    give_back(house.database, limit)
    letters.send(house, person, "password")
    return _account(request, house, caller, "The password is changed, and all other sessions have ended.")


def _password_tries(person: Person) -> Limit:
    return Limit(f"password:{person.id}", 8, 300)


def _must_know_password(house: House, person: Person, data: dict[str, str]) -> None:
    """Raises UserError unless the password came along: a browser left open is not enough for this."""
    limit = _password_tries(person)
    take(house.database, limit)
    store.confirm_password(house.database, person, data.get("password", ""))
    give_back(house.database, limit)


@post("/account/sessions/end", sync_to_thread=True, status_code=200, include_in_schema=False)
def end_others(request: Asked, house: House, caller: Caller) -> Response[str]:
    store.end_sessions(house.database, _user(caller), but=request.cookies.get(COOKIE, ""))
    return _account(request, house, caller, "All other sessions have ended.")


@post("/account/sessions/{name:str}/end", sync_to_thread=True, status_code=200, include_in_schema=False)
def end_one(request: Asked, house: House, caller: Caller, name: str) -> Response[str]:
    store.end_sessions(house.database, _user(caller), name)
    return _account(request, house, caller, "The session has ended.")


@post("/account/messages", sync_to_thread=True, status_code=200, include_in_schema=False)
def change_messages(request: Asked, house: House, caller: Caller, data: Form) -> Response[str]:
    for kind in KINDS:
        delivery.prefer(house.database, _user(caller), kind, data.get(kind) == "1")
    return _account(request, house, caller, "Saved.")


# ── the second factor ──


@post("/account/two-factor", sync_to_thread=True, status_code=200, include_in_schema=False)
def start_two_factor(request: Asked, house: House, caller: Caller, data: Form) -> Response[str]:
    person = _user(caller)
    _must_know_password(house, person, data)
    fresh = Fresh(person.id, two_factor.new_secret(), time.time() + TO_SCAN_S)
    return _scan(request, house, caller, fresh)


def _scan(request: Asked, house: House, caller: Caller, fresh: Fresh) -> Response[str]:
    address = two_factor.address(fresh.secret, _user(caller), "Tandem")
    picture = segno.make(address, error="m").svg_inline(scale=4, dark="#000", light="#fff")
    sealed = house.vault.seal(msgspec.json.encode(fresh).decode())
    return _account(request, house, caller, picture=picture, secret=fresh.secret, sealed=sealed)


@post("/account/two-factor/on", sync_to_thread=True, status_code=200, include_in_schema=False)
def two_factor_on(request: Asked, house: House, caller: Caller, data: Form) -> Response[str]:
    person = _user(caller)
    try:
        fresh = msgspec.json.decode(house.vault.open(data.get("sealed", "")), type=Fresh)
    except (UserError, msgspec.DecodeError) as error:
        raise UserError("The picture is out of date.", "Start setting up two-factor sign-in again.") from error
    if fresh.person != person.id or fresh.until < time.time():
        raise UserError("The picture is out of date.", "Start setting up two-factor sign-in again.")
    codes = two_factor.switch_on(house, person, fresh.secret, data.get("code", ""))
    letters.send(house, person, "two_factor_on")
    return _account(request, house, caller, "Two-factor sign-in is on.", codes=codes)


@post("/account/two-factor/off", sync_to_thread=True, status_code=200, include_in_schema=False)
def two_factor_off(request: Asked, house: House, caller: Caller, data: Form) -> Response[str]:
    person = _user(caller)
    _must_know_password(house, person, data)
    two_factor.switch_off(house.database, person, person.id)
    letters.send(house, person, "two_factor_off")
    return _account(request, house, caller, "Two-factor sign-in is off.")


@post("/account/recovery-codes", sync_to_thread=True, status_code=200, include_in_schema=False)
def recovery_codes(request: Asked, house: House, caller: Caller, data: Form) -> Response[str]:
    person = _user(caller)
    _must_know_password(house, person, data)
    if not person.has_totp:
        raise UserError("Two-factor sign-in is off.", "Switch it on first.", status=409)
    return _account(request, house, caller, codes=two_factor.new_recovery_codes(house.database, person))


@get("/sign-in/code", sync_to_thread=True, include_in_schema=False)
def code_form(request: Asked, house: House) -> Response[Any]:
    try:
        sessions.halfway(house, request)
    except UserError:
        return Redirect("/sign-in")
    return web.page("settings/code.html", web.language_of(request), failed="")


@post("/sign-in/code", sync_to_thread=True, include_in_schema=False)
def code(request: Asked, house: House, data: Form) -> Response[Any]:
    check_origin(request)
    person, told = sessions.halfway(house, request)
    counted = two_factor.limits(person, sessions.known_device(house, request, person.email))
    take(house.database, *counted)
    if not two_factor.accept(house, person, data.get("code", "")):
        two_factor.note_failed(house.database, person)
        return web.page("settings/code.html", web.language_of(request), 401, failed=NOT_RIGHT)
    give_back(house.database, *counted)
    return sessions.signed_in(house, request, person, told.onward, told.way)


# ── links ──


@get("/forgot", sync_to_thread=True, include_in_schema=False)
def forgot_form(request: Asked, house: House) -> Response[str]:
    return _forgot(request, house)


def _forgot(request: Asked, house: House, is_asked: bool = False) -> Response[str]:
    sends_mail = smtp.is_set(house.settings)
    return web.page("settings/forgot.html", web.language_of(request), sends_mail=sends_mail, is_asked=is_asked)


@post("/forgot", sync_to_thread=True, status_code=200, include_in_schema=False)
def forgot(request: Asked, house: House, data: Form) -> Response[str]:
    """Send a link, if the address is known. The answer, and the work done for it, are the same if it is not."""
    check_origin(request)
    email = email_of(data.get("email", ""))
    take(house.database, Limit(f"forgot:{household(sender_address(request, house))}", 20, 300))
    if email and smtp.is_set(house.settings) and _may_be_sent(house, email):
        person = store.person_by_email(house.database, email)
        whom = person or Person(id=0, workspace_id=0, email=email, name="", role=Role.VIEWER)
        link = _address(house, links.make(house.database, person, links.RESET))
        message = letters.letter(whom, "reset", link=link)
        delivery.put(house, person, "reset", message, links.HOLDS[links.RESET])
    return _forgot(request, house, is_asked=True)


def _may_be_sent(house: House, email: str) -> bool:
    """Nobody is sent more than three letters in an hour because a stranger asks for them."""
    try:
        take(house.database, Limit(f"forgotten:{email}", 3, 3600))
    except UserError:
        return False
    return True


def _address(house: House, token: str) -> str:
    return f"{house.settings.base_url}/link/{token}"


@get("/link/{token:str}", sync_to_thread=True, include_in_schema=False)
def link_form(request: Asked, house: House, token: str) -> Response[str]:
    return _link(request, house, token)


def _link(request: Asked, house: House, token: str, problem: Any = None, status: int = 200) -> Response[str]:
    person, kind = links.user_of(house.database, token)
    language = web.language_of(request)
    return web.page("settings/link.html", language, status, user=person, kind=kind, token=token, problem=problem)


@post("/link/{token:str}", sync_to_thread=True, include_in_schema=False)
def use_link(request: Asked, house: House, token: str, data: Form) -> Response[Any]:
    check_origin(request)
    try:
        _, kind = links.user_of(house.database, token)
        person = links.use(house.database, token, data.get("password", ""))
    except UserError as error:
        if error.status != 400:
            raise
        said = [web.said(web.language_of(request), sentence, error.values) for sentence in error.sentences]
        return _link(request, house, token, said, 400)
    if kind == links.INVITE:  # whoever invited them could only guess it
        person = store.change_person(house.database, person, language=web.language_of(request))
    else:
        letters.send(house, person, "password")
    return sessions.first_factor_passed(house, request, person, "/", "link")


@post("/settings/people", sync_to_thread=True, include_in_schema=False)
def invite(request: Asked, house: House, caller: Caller, data: Form) -> Response[str]:
    """Invite somebody: they choose their own password by a link, which is shown, and sent where e-mail is set up."""
    caller.must("people.edit")
    role = data.get("role") or Role.VIEWER
    person = store.add_person(
        house.database, caller.workspace_id, data.get("email", ""), data.get("name", ""), role, None,
        caller.language, caller.person_id,
    )  # fmt: skip
    return _with_link(request, house, caller, person)


@post("/settings/people/{person_id:int}/link", sync_to_thread=True, include_in_schema=False)
def new_link(request: Asked, house: House, caller: Caller, person_id: int) -> Response[str]:
    """A new link for somebody who lost theirs, or their password."""
    caller.must("people.edit")
    return _with_link(request, house, caller, _colleague(house, caller, person_id))


@post("/settings/people/{person_id:int}/two-factor-off", sync_to_thread=True, include_in_schema=False)
def colleague_two_factor_off(request: Asked, house: House, caller: Caller, person_id: int) -> Response[str]:
    """For somebody who lost the phone and the recovery codes."""
    caller.must("people.edit")
    person = _colleague(house, caller, person_id)
    two_factor.switch_off(house.database, person, caller.person_id)
    letters.send(house, person, "two_factor_off")
    return settings_page(request, house, caller)


def _colleague(house: House, caller: Caller, person_id: int) -> Person:
    person = store.active_person(house.database, person_id)
    if person is None or person.workspace_id != caller.workspace_id:
        raise UserError("There is no such person here.", "Load the page again.", status=404)
    return person


def _with_link(request: Asked, house: House, caller: Caller, person: Person) -> Response[str]:
    kind = links.RESET if person.has_password else links.INVITE
    link = _address(house, links.make(house.database, person, kind, caller.person_id))
    company = store.workspace_name(house.database, caller.workspace_id)
    letters.send(house, person, kind, links.HOLDS[kind], link=link, by=caller.name, company=company)
    return settings_page(request, house, caller, link=link, invited=person)


# ── OpenID ──


@get("/sign-in/openid", sync_to_thread=True, include_in_schema=False)
def openid(house: House, next: str = "/") -> Response[Any]:
    address, sealed = _client(house).leave(sessions.local(next))
    cookie = sessions.cookie(house, sealed, provider.HOLDS_S, AWAY, "/sign-in/openid")
    return Response(None, status_code=303, headers={"location": address}, cookies=[cookie])


@get(provider.CALLBACK, sync_to_thread=True, include_in_schema=False)
def openid_back(request: Asked, house: House) -> Response[Any]:
    claims, onward = _client(house).come_back(request.cookies.get(AWAY, ""), dict(request.query_params))
    person = store.person_by_email(house.database, claims.email) or _newcomer(house, claims)
    answer = sessions.first_factor_passed(house, request, person, onward, "openid")
    answer.set_cookie(sessions.cookie(house, "", 0, AWAY, "/sign-in/openid"))
    return answer


def _client(house: House) -> "Client":
    client: Client | None = house.parts.get("openid")
    if client is None:
        raise UserError("Sign-in at a provider is not set up here.", "Sign in with your password.", status=404)
    return client


def _newcomer(house: House, claims: provider.Claims) -> Person:
    """Somebody whom the provider knows and Tandem does not: made only where the operator chose a role for them."""
    role, workspace = house.settings.oidc_role, store.only_workspace(house.database)
    if not role or workspace is None or store.is_known(house.database, claims.email):
        raise UserError(
            "You have no access to this Tandem.", "Ask an admin of the workspace to invite you.", status=403
        )
    return store.add_person(house.database, workspace, claims.email, claims.name, role, None)


ROUTES = [
    account,
    change_account,
    change_password,
    end_others,
    end_one,
    change_messages,
    start_two_factor,
    two_factor_on,
    two_factor_off,
    recovery_codes,
    code_form,
    code,
    forgot_form,
    forgot,
    link_form,
    use_link,
    invite,
    new_link,
    colleague_two_factor_off,
    openid,
    openid_back,
]
