"""The cookies of signing in: the session, the device that signed in before, and the step between two factors."""

import hashlib
import hmac
import secrets
import time
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.datastructures import Cookie
from ua_parser import parse

from tandem.accounts import store
from tandem.accounts.model import User
from tandem.accounts.store.tries import Slowed, TryLimit
from tandem.base.errors import UserError
from tandem.base.sender import household
from tandem.core.auth import COOKIE, sender_address
from tandem.core.context import Context

DEVICE, HALFWAY = "tandem_device", "tandem_halfway"
DEVICE_KNOWN_S, HALFWAY_S = 365 * 86_400, 600
Asked = Request[Any, Any, Any]


def cookie(ctx: Context, value: str, max_age: int, name: str = COOKIE, path: str = "/") -> Cookie:
    """A cookie that no script can read, sent to this server only."""
    is_secure = ctx.config.base_url.startswith("https:")
    return Cookie(key=name, value=value, max_age=max_age, httponly=True, samesite="lax", secure=is_secure, path=path)


def language_cookie(language: str) -> Cookie:
    """What pages without an account, and page.js, know the language by."""
    return Cookie(key="tandem_language", value=language, max_age=31_536_000, samesite="lax", path="/")


def local(address: str) -> str:
    """An address on this server to go on to; anything else leads to the board."""
    # Browsers drop tabs and line ends, and read a backslash as a slash: only plain paths are followed.
    is_plain = address.isprintable() and "\\" not in address
    return address if is_plain and address.startswith("/") and not address.startswith("//") else "/"


def agent_of(request: Asked) -> str:
    """How people know this browser: Chrome, Windows."""
    result = parse(request.headers.get("user-agent", "")[:500])
    parts = (result.user_agent.family if result.user_agent else "", result.os.family if result.os else "")
    return ", ".join(part for part in parts if part)[:100]


# ── devices ──


def known_device(ctx: Context, request: Asked, email: str) -> str:
    """The device, if this user has signed in on it before, else "". Nobody can make one up."""
    value = request.cookies.get(DEVICE, "")
    return value if value and hmac.compare_digest(value.encode(), _device(ctx, email, value[:22]).encode()) else ""


def _device(ctx: Context, email: str, nonce: str) -> str:
    text = f"device:{nonce}:{email.strip().lower()}"
    return nonce + hmac.new(ctx.secret, text.encode(), hashlib.sha256).hexdigest()[:32]


def limits(ctx: Context, request: Asked, email: str) -> tuple[TryLimit | Slowed, ...]:
    """What a try to sign in counts against.

    A known device has its own limit, so nobody elsewhere can lock its user out. Others count by account and sender
    together, by sender alone, and, once an account has failed very often, at a slow pace for all strangers together;
    but for two tries an hour that each sender has to itself, or those who attack would keep the user out for ever.
    """
    if device := known_device(ctx, request, email):
        return (TryLimit(f"device:{device}", 8, 300),)
    sender = household(sender_address(request, ctx))
    return (
        TryLimit(f"sender:{sender}", 40, 300),
        TryLimit(f"account:{email}:{sender}", 8, 300),
        Slowed(
            after=TryLimit(f"account:{email}", 40, 3600),
            own=TryLimit(f"own:{email}:{sender}", 2, 3600),
            pace=TryLimit(f"pace:{email}", 3, 30),
        ),
    )


# ── between two factors ──


class Halfway(msgspec.Struct, frozen=True):
    """Who has passed the first factor, and is asked for the second."""

    person: int
    onward: str
    way: str
    until: float
    bound_to: str


def halfway(ctx: Context, request: Asked) -> tuple[User, Halfway]:
    """Whoever is between the two factors.

    raises   UserError (401) when nobody is, or it took too long
    """
    late = UserError("Signing in took too long.", "Start again by entering your password.", status=401)
    try:
        halfway = msgspec.json.decode(ctx.vault.open(request.cookies.get(HALFWAY, "")), type=Halfway)
    except (UserError, msgspec.DecodeError) as error:
        raise late from error
    user = store.active_user(ctx.database, halfway.person)
    if user is None or halfway.until < time.time() or halfway.bound_to != store.bond(ctx.database, user):
        raise late
    return user, halfway


# ── in ──


def first_factor_passed(ctx: Context, request: Asked, user: User, onward: str, way: str = "password") -> Response[Any]:
    """Signed in, or asked for the second factor where the user has one."""
    if not user.has_totp:
        return signed_in(ctx, request, user, onward, way)
    until, bound_to = time.time() + HALFWAY_S, store.bond(ctx.database, user)
    halfway = msgspec.json.encode(Halfway(user.id, onward, way, until, bound_to)).decode()
    return _onward(request, "/sign-in/code", [cookie(ctx, ctx.vault.seal(halfway), HALFWAY_S, HALFWAY, "/sign-in")])


def signed_in(ctx: Context, request: Asked, user: User, onward: str, way: str = "password") -> Response[Any]:
    """A new session, and this device is known from now on. Strange devices are told of to the user."""
    agent = agent_of(request)
    if not known_device(ctx, request, user.email):
        ctx.offers.warn_user(user, "sign_in", agent)
    token = store.open_session(ctx.database, user, agent, way)
    device = _device(ctx, user.email, secrets.token_urlsafe(16)[:22])
    cookies = [
        cookie(ctx, token, int(store.SIGNED_IN_FOR.total_seconds())),
        cookie(ctx, device, DEVICE_KNOWN_S, DEVICE),
        cookie(ctx, "", 0, HALFWAY, "/sign-in"),
        language_cookie(user.language),  # whoever used this browser before may read another one
    ]
    return _onward(request, local(onward), cookies)


def _onward(request: Asked, address: str, cookies: list[Cookie]) -> Response[Any]:
    """Leads the browser on; a script would follow a plain redirect itself, and put the page into the form's place."""
    if is_by_script(request):
        return Response(None, status_code=200, headers={"hx-redirect": address}, cookies=cookies)
    return Response(None, status_code=303, headers={"location": address}, cookies=cookies)


def is_by_script(request: Asked) -> bool:
    """Whether page.js sent the form: it keeps what was typed, and shows in place what is wrong with it."""
    return bool(request.headers.get("hx-request"))
