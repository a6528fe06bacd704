"""My account: name, language, password, sessions, messages and the second factor."""

import time
from typing import Any

import msgspec
import segno
from litestar import Response
from litestar.datastructures import Cookie

from tandem.accounts import store
from tandem.accounts.model import Person
from tandem.accounts.tries import Limit, give_back, take
from tandem.base import web
from tandem.base.errors import UserError
from tandem.core.auth import COOKIE, Caller
from tandem.core.context import House
from tandem.core.layout import framed
from tandem.core.pages import SIGNED_IN, get_page, post_form
from tandem.delivery import smtp
from tandem.delivery import store as delivery
from tandem.delivery.model import KINDS
from tandem.settings import letters, two_factor
from tandem.settings.routes.forms import Asked, Form

TO_SCAN_S = 1800


class Fresh(msgspec.Struct, frozen=True):
    """The secret of an app that is being set up, sealed into the form until a code proves it."""

    person: int
    secret: str
    until: float


@get_page("/account", "My account", may=SIGNED_IN)
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


@post_form("/account", may=SIGNED_IN)
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


@post_form("/settings/me", may=SIGNED_IN)
def change_me(house: House, caller: Caller, data: Form) -> Response[Any]:
    """Language and theme of the person who is signed in."""
    language, theme = data.get("language"), data.get("theme")
    cookies = []
    if caller.person is not None:
        language = language if language in web.LANGUAGES else None
        theme = theme if theme in ("auto", "light", "dark") else None
        store.change_person(house.database, caller.person, language=language, theme=theme)
        if language:
            cookies = [Cookie(key="tandem_language", value=language, max_age=31_536_000, samesite="lax", path="/")]
    return Response(None, status_code=200, headers={"hx-refresh": "true"}, cookies=cookies)


@post_form("/account/password", may=SIGNED_IN)
def change_password(request: Asked, house: House, caller: Caller, data: Form) -> Response[str]:
    person = _user(caller)
    limit = _password_tries(person)
    take(house.database, limit)
    store.change_password(
        house.database, person, data.get("old", ""), data.get("new", ""), request.cookies.get(COOKIE, ""),
        sends_mail=smtp.is_set(house.settings),
    )  # fmt: skip
    give_back(house.database, limit)
    letters.send(house, person, "password")
    return _account(request, house, caller, "The password is changed, and all other sessions have ended.")


def _password_tries(person: Person) -> Limit:
    return Limit(f"password:{person.id}", 8, 300)


def _must_know_password(house: House, person: Person, data: dict[str, str]) -> None:
    """Raises UserError unless the password came along: a browser left open is not enough for this."""
    limit = _password_tries(person)
    take(house.database, limit)
    store.confirm_password(house.database, person, data.get("password", ""), smtp.is_set(house.settings))
    give_back(house.database, limit)


@post_form("/account/sessions/end", may=SIGNED_IN)
def end_others(request: Asked, house: House, caller: Caller) -> Response[str]:
    store.end_sessions(house.database, _user(caller), but=request.cookies.get(COOKIE, ""))
    return _account(request, house, caller, "All other sessions have ended.")


@post_form("/account/sessions/{name:str}/end", may=SIGNED_IN)
def end_one(request: Asked, house: House, caller: Caller, name: str) -> Response[str]:
    store.end_sessions(house.database, _user(caller), name)
    return _account(request, house, caller, "The session has ended.")


@post_form("/account/messages", may=SIGNED_IN)
def change_messages(request: Asked, house: House, caller: Caller, data: Form) -> Response[str]:
    for kind in KINDS:
        delivery.prefer(house.database, _user(caller), kind, data.get(kind) == "1")
    return _account(request, house, caller, "Saved.")


@post_form("/account/two-factor", may=SIGNED_IN)
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


@post_form("/account/two-factor/on", may=SIGNED_IN)
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


@post_form("/account/two-factor/off", may=SIGNED_IN)
def two_factor_off(request: Asked, house: House, caller: Caller, data: Form) -> Response[str]:
    person = _user(caller)
    _must_know_password(house, person, data)
    two_factor.switch_off(house.database, person, person.id)
    letters.send(house, person, "two_factor_off")
    return _account(request, house, caller, "Two-factor sign-in is off.")


@post_form("/account/recovery-codes", may=SIGNED_IN)
def recovery_codes(request: Asked, house: House, caller: Caller, data: Form) -> Response[str]:
    person = _user(caller)
    _must_know_password(house, person, data)
    if not person.has_totp:
        raise UserError("Two-factor sign-in is off.", "Switch it on first.", status=409)
    return _account(request, house, caller, codes=two_factor.new_recovery_codes(house.database, person))


ROUTES = [
    account,
    change_account,
    change_me,
    change_password,
    end_others,
    end_one,
    change_messages,
    start_two_factor,
    two_factor_on,
    two_factor_off,
    recovery_codes,
]
