"""My account: name, language, password, sessions, messages and the second factor."""

import time
from typing import Any

import msgspec
import segno
from litestar import Response

from tandem.accounts import store
from tandem.accounts.model import LONGEST_NAME, User
from tandem.accounts.store import second_factor
from tandem.accounts.store.tries import TryLimit, give_back, take
from tandem.base import translations
from tandem.base.errors import UserError
from tandem.core.auth import COOKIE, Caller
from tandem.core.context import Context
from tandem.core.layout import render_page
from tandem.core.pages import SIGNED_IN, get_page, post_form
from tandem.delivery import smtp
from tandem.delivery import store as delivery
from tandem.delivery.model import KINDS
from tandem.settings import letters, two_factor
from tandem.settings.routes.forms import Asked, Form
from tandem.settings.sessions import language_cookie

TO_SCAN_S = 1800


class AppSecret(msgspec.Struct, frozen=True):
    """The secret of an app that is being set up, sealed into the form until a code proves it."""

    person: int
    secret: str
    until: float


@get_page("/account", "My account", may=SIGNED_IN)
def account(request: Asked, ctx: Context, caller: Caller) -> Response[str]:
    return _account(request, ctx, caller)


def _user(caller: Caller) -> User:
    if caller.user is None:
        raise UserError("API tokens have no account.", "Sign in with a browser.", status=403)
    return caller.user


def _account(request: Asked, ctx: Context, caller: Caller, said: str = "", **more: Any) -> Response[str]:
    user = store.user_by_id(ctx.database, _user(caller).id)
    caller = msgspec.structs.replace(caller, user=user)
    facts = {"codes": [], "picture": "", "secret": "", "sealed": ""} | more
    return render_page(
        request,
        ctx,
        caller,
        "settings/account.html",
        user=user,
        said=said,
        longest_name=LONGEST_NAME,
        sessions=store.sessions_of(ctx.database, user, request.cookies.get(COOKIE, "")),
        codes_left=second_factor.codes_left(ctx.database, user) if user.has_totp else 0,
        kinds={kind: (label, delivery.wants(ctx.database, user, kind)) for kind, label in KINDS.items()},
        sends_mail=smtp.is_set(ctx.config),
        is_only_admin=not user.has_password and store.is_only_admin(ctx.database, user),
        **facts,
    )


@post_form("/account", may=SIGNED_IN)
def change_account(request: Asked, ctx: Context, caller: Caller, data: Form) -> Response[str]:
    language = data.get("language") if data.get("language") in translations.LANGUAGES else None
    store.change_user(ctx.database, _user(caller), name=data.get("name"), language=language, by=_user(caller).id)
    is_another = language not in (None, caller.language)
    caller = msgspec.structs.replace(caller, language=language or caller.language)
    answer = _account(request, ctx, caller, "Saved.")
    if is_another:  # the menu and the language that screen readers speak lie outside the part that is swapped
        answer.headers["hx-refresh"] = "true"
    if language:
        answer.set_cookie(language_cookie(language))
    return answer


@post_form("/settings/me", may=SIGNED_IN)
def change_me(ctx: Context, caller: Caller, data: Form) -> Response[Any]:
    """Language and theme of the person who is signed in."""
    language, theme = data.get("language"), data.get("theme")
    cookies = []
    if caller.user is not None:
        language = language if language in translations.LANGUAGES else None
        theme = theme if theme in ("auto", "light", "dark") else None
        store.change_user(ctx.database, caller.user, language=language, theme=theme)
        if language:
            cookies = [language_cookie(language)]
    return Response(None, status_code=200, headers={"hx-refresh": "true"}, cookies=cookies)


@post_form("/account/password", may=SIGNED_IN)
def change_password(request: Asked, ctx: Context, caller: Caller, data: Form) -> Response[str]:
    user = _user(caller)
    limit = _password_tries(user)
    take(ctx.database, limit)
    store.change_password(
        ctx.database, user, data.get("old", ""), data.get("new", ""), request.cookies.get(COOKIE, ""),
        sends_mail=smtp.is_set(ctx.config),
    )  # fmt: skip
    give_back(ctx.database, limit)
    letters.send(ctx, user, "password")
    return _account(request, ctx, caller, "Your password is changed. All other sessions have ended.")


def _password_tries(user: User) -> TryLimit:
    return TryLimit(f"password:{user.id}", 8, 300)


def _must_know_password(ctx: Context, user: User, data: dict[str, str]) -> None:
    """Raises UserError unless the password came along: a browser left open is not enough for this."""
    limit = _password_tries(user)
    take(ctx.database, limit)
    store.confirm_password(ctx.database, user, data.get("password", ""), smtp.is_set(ctx.config))
    give_back(ctx.database, limit)


@post_form("/account/sessions/end", may=SIGNED_IN)
def end_others(request: Asked, ctx: Context, caller: Caller) -> Response[str]:
    store.end_sessions(ctx.database, _user(caller), but=request.cookies.get(COOKIE, ""))
    return _account(request, ctx, caller, "All other sessions have ended.")


@post_form("/account/sessions/{name:str}/end", may=SIGNED_IN)
def end_one(request: Asked, ctx: Context, caller: Caller, name: str) -> Response[str]:
    store.end_sessions(ctx.database, _user(caller), name)
    return _account(request, ctx, caller, "The session has ended.")


@post_form("/account/messages", may=SIGNED_IN)
def change_messages(request: Asked, ctx: Context, caller: Caller, data: Form) -> Response[str]:
    for kind in KINDS:
        delivery.prefer(ctx.database, _user(caller), kind, data.get(kind) == "1")
    return _account(request, ctx, caller, "Saved.")


@post_form("/account/two-factor", may=SIGNED_IN)
def start_two_factor(request: Asked, ctx: Context, caller: Caller, data: Form) -> Response[str]:
    user = _user(caller)
    _must_know_password(ctx, user, data)
    fresh = AppSecret(user.id, two_factor.new_secret(), time.time() + TO_SCAN_S)
    return _scan(request, ctx, caller, fresh)


def _scan(request: Asked, ctx: Context, caller: Caller, fresh: AppSecret) -> Response[str]:
    address = two_factor.address(fresh.secret, _user(caller), "Tandem")
    picture = segno.make(address, error="m").svg_inline(scale=4, dark="#000", light="#fff")
    sealed = ctx.vault.seal(msgspec.json.encode(fresh).decode())
    return _account(request, ctx, caller, picture=picture, secret=fresh.secret, sealed=sealed)


@post_form("/account/two-factor/on", may=SIGNED_IN)
def two_factor_on(request: Asked, ctx: Context, caller: Caller, data: Form) -> Response[str]:
    user = _user(caller)
    try:
        fresh = msgspec.json.decode(ctx.vault.open(data.get("sealed", "")), type=AppSecret)
    except (UserError, msgspec.DecodeError) as error:
        raise UserError("The QR code is out of date.", "Start setting up two-factor sign-in again.") from error
    if fresh.person != user.id or fresh.until < time.time():
        raise UserError("The QR code is out of date.", "Start setting up two-factor sign-in again.")
    codes = two_factor.switch_on(ctx, user, fresh.secret, data.get("code", ""))
    letters.send(ctx, user, "two_factor_on")
    return _account(request, ctx, caller, "Two-factor sign-in is on.", codes=codes)


@post_form("/account/two-factor/off", may=SIGNED_IN)
def two_factor_off(request: Asked, ctx: Context, caller: Caller, data: Form) -> Response[str]:
    user = _user(caller)
    _must_know_password(ctx, user, data)
    second_factor.switch_off(ctx.database, user, user.id)
    letters.send(ctx, user, "two_factor_off")
    return _account(request, ctx, caller, "Two-factor sign-in is off.")


@post_form("/account/recovery-codes", may=SIGNED_IN)
def recovery_codes(request: Asked, ctx: Context, caller: Caller, data: Form) -> Response[str]:
    user = _user(caller)
    _must_know_password(ctx, user, data)
    if not user.has_totp:
        raise UserError("Two-factor sign-in is off.", "Switch it on first.", status=409)
    return _account(request, ctx, caller, codes=two_factor.new_recovery_codes(ctx.database, user))


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
