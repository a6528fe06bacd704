"""The second factor: codes of an authenticator app (RFC 6238), each good once, and recovery codes on paper."""

import hashlib
import hmac
import secrets
import struct
import time
from base64 import b32decode, b32encode
from urllib.parse import quote, urlencode

from sqlalchemy import delete, func, insert, select, update

from tandem.accounts import tables as t
from tandem.accounts.model import User
from tandem.accounts.store import hashed, note
from tandem.accounts.tries import Limit
from tandem.base import clock
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
        raise UserError("This is not the code that the app shows now.", "Check the clock of the phone, and try again.")
    with ctx.database.write() as c:
        sealed = ctx.vault.seal(secret)
        c.execute(update(t.people).where(t.people.c.id == user.id).values(totp_sealed=sealed, totp_step=step))
        note(c, user.workspace_id, user.id, "people.two_factor_on", user.name)
    return new_recovery_codes(ctx.database, user)


def new_recovery_codes(db: Database, user: User) -> list[str]:
    """Ten new codes of 80 bits; earlier ones are void."""
    codes = [_grouped(b32encode(secrets.token_bytes(10)).decode().lower()) for _ in range(RECOVERY_CODES)]
    with db.write() as c:
        c.execute(delete(t.recovery_codes).where(t.recovery_codes.c.person_id == user.id))
        rows = [{"code_hash": hashed(_plain(code)), "person_id": user.id} for code in codes]
        c.execute(insert(t.recovery_codes), rows)
        note(c, user.workspace_id, user.id, "people.recovery_codes_made", user.name)
    return codes


def codes_left(db: Database, user: User) -> int:
    """How many recovery codes are still good."""
    r = t.recovery_codes.c
    with db.read() as c:
        query = select(func.count()).where(r.person_id == user.id, r.used_at.is_(None))
        return int(c.execute(query).scalar_one())


def switch_off(db: Database, user: User, by: int | None = None) -> None:
    """Ask this user for no second factor any more."""
    with db.write() as c:
        c.execute(update(t.people).where(t.people.c.id == user.id).values(totp_sealed="", totp_step=0))
        c.execute(delete(t.recovery_codes).where(t.recovery_codes.c.person_id == user.id))
        note(c, user.workspace_id, by, "people.two_factor_off", user.name)


def accept(ctx: Context, user: User, code: str) -> bool:
    """Whether this code is right; whichever it was, it is used up, also for a second one who comes at once."""
    return _accept_totp(ctx, user, code) or _accept_recovery(ctx.database, user, code)


def _accept_totp(ctx: Context, user: User, code: str) -> bool:
    p = t.people.c
    with ctx.database.read() as c:
        sealed = c.execute(select(p.totp_sealed).where(p.id == user.id)).scalar()
    step = step_of(ctx.vault.open(sealed), code) if sealed else None
    if step is None:
        return False
    with ctx.database.write() as c:
        is_new = update(t.people).where(p.id == user.id, p.totp_step < step, p.totp_sealed == sealed)
        return c.execute(is_new.values(totp_step=step)).rowcount == 1


def _accept_recovery(db: Database, user: User, code: str) -> bool:
    r = t.recovery_codes.c
    with db.write() as c:
        is_good = (r.code_hash == hashed(_plain(code)), r.person_id == user.id, r.used_at.is_(None))
        used = c.execute(update(t.recovery_codes).where(*is_good).values(used_at=clock.now())).rowcount == 1
        if used:
            note(c, user.workspace_id, user.id, "people.recovery_code_used", user.name)
        return used


def note_failed(db: Database, user: User) -> None:
    with db.write() as c:
        note(c, user.workspace_id, user.id, "people.code_failed", user.name)


def limits(user: User, device: str) -> tuple[Limit, ...]:
    """What a code counts against. Whoever tries has passed the first factor; a known device counts by itself."""
    whose = f"code:{user.id}:{device}"
    return (Limit(whose, 5, 300), Limit(f"day:{whose}", 30, 86_400))


def _plain(code: str) -> str:
    return "".join(sign for sign in code.lower() if sign.isalnum())


def _grouped(text: str) -> str:
    return "-".join(text[i : i + 4] for i in range(0, len(text), 4))
