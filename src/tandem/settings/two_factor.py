"""The second factor: codes of an authenticator app (RFC 6238), each good once, and recovery codes on paper."""

import hashlib
import hmac
import secrets
import struct
import time
from base64 import b32decode, b32encode
from urllib.parse import quote, urlencode

from tandem.accounts.model import User
from tandem.accounts.store import second_factor
from tandem.accounts.store.tries import TryLimit
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.core.context import Context

STEP_S, DIGITS = 30, 6
RECOVERY_CODES = 10


def new_secret() -> str:
    """A new secret as apps take it: 160 bits in base 32."""
    return b32encode(secrets.token_bytes(20)).decode()


def code_at(secret: str, step: int, digits: int = DIGITS) -> str:
    """The code of one step of 30 seconds since 1970 (RFC 4226, section 5.3)."""
    digest = hmac.new(b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def step_of(secret: str, code: str, now_s: float | None = None) -> int | None:
    """The step whose code this is, among the present one and its neighbours: clocks go a little wrong."""
    typed = "".join(sign for sign in code if sign.isascii() and sign.isdigit())
    present = int((time.time() if now_s is None else now_s) // STEP_S)
    steps = (present, present - 1, present + 1)
    return next((s for s in steps if hmac.compare_digest(code_at(secret, s), typed)), None)


def address(secret: str, user: User, issuer: str) -> str:
    """What the app reads from the picture (otpauth://)."""
    label = quote(f"{issuer}:{user.email}")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': issuer})}"


def switch_on(ctx: Context, user: User, secret: str, code: str) -> list[str]:
    """Ask for codes of this secret from now on; returns the recovery codes, which are shown this once.

    raises   UserError when the code is not one of this secret
    """
    step = step_of(secret, code)
    if step is None:
        raise UserError("The app shows a different code now.", ("Check the clock on your phone, then try again."))
    second_factor.put_secret(ctx.database, user, ctx.vault.seal(secret), step)
    return new_recovery_codes(ctx.database, user)


def new_recovery_codes(db: Database, user: User) -> list[str]:
    """Ten new codes of 80 bits; earlier ones are void."""
    codes = [_grouped(b32encode(secrets.token_bytes(10)).decode().lower()) for _ in range(RECOVERY_CODES)]
    second_factor.put_recovery_codes(db, user, [_plain(code) for code in codes])
    return codes


def accept(ctx: Context, user: User, code: str) -> bool:
    """Whether this code is right; whichever it was, it is used up, also for a second one who comes at once."""
    return _accept_totp(ctx, user, code) or second_factor.use_recovery_code(ctx.database, user, _plain(code))


def _accept_totp(ctx: Context, user: User, code: str) -> bool:
    sealed = second_factor.sealed_secret(ctx.database, user)
    # One that another key sealed proves nothing; a recovery code still does.
    secret = ctx.vault.try_open(sealed) if sealed else None
    step = step_of(secret, code) if secret else None
    return step is not None and second_factor.use_step(ctx.database, user, sealed, step)


def limits(user: User, device: str) -> tuple[TryLimit, ...]:
    """What a code counts against. Whoever tries has passed the first factor; a known device counts by itself."""
    whose = f"code:{user.id}:{device}"
    return (TryLimit(whose, 5, 300), TryLimit(f"day:{whose}", 30, 86_400))


def _plain(code: str) -> str:
    return "".join(sign for sign in code.lower() if sign.isalnum())


def _grouped(text: str) -> str:
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))
