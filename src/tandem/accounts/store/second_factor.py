"""The second factor of a user: the sealed secret of the app, the newest step it was used in, and recovery codes."""

from collections.abc import Sequence

from sqlalchemy import delete, func, insert, select, update

from tandem.accounts import tables as t
from tandem.accounts.model import User
from tandem.accounts.store.audit import note
from tandem.accounts.store.secrets import hashed
from tandem.base import clock
from tandem.base.database import Database

p, r = t.people.c, t.recovery_codes.c


def put_secret(db: Database, user: User, sealed: str, step: int) -> None:
    """Ask for codes of this secret from the step after this one on."""
    with db.write() as c:
        c.execute(update(t.people).where(p.id == user.id).values(totp_sealed=sealed, totp_step=step))
        note(c, user.workspace_id, user.id, "people.two_factor_on", user.name)


def sealed_secret(db: Database, user: User) -> str:
    """The sealed secret of a user's app; "" while they have none."""
    with db.read() as c:
        return c.execute(select(p.totp_sealed).where(p.id == user.id)).scalar() or ""


def use_step(db: Database, user: User, sealed: str, step: int) -> bool:
    """Whether the code of this step was still good, which it then no longer is, nor are those before it."""
    is_new = update(t.people).where(p.id == user.id, p.totp_step < step, p.totp_sealed == sealed)
    with db.write() as c:
        return c.execute(is_new.values(totp_step=step)).rowcount == 1


def put_recovery_codes(db: Database, user: User, codes: Sequence[str]) -> None:
    """Keep the hashes of these codes in place of earlier ones."""
    with db.write() as c:
        c.execute(delete(t.recovery_codes).where(r.person_id == user.id))
        c.execute(insert(t.recovery_codes), [{"code_hash": hashed(code), "person_id": user.id} for code in codes])
        note(c, user.workspace_id, user.id, "people.recovery_codes_made", user.name)


def use_recovery_code(db: Database, user: User, code: str) -> bool:
    """Whether this is a recovery code that was still good, which it then no longer is."""
    is_good = (r.code_hash == hashed(code), r.person_id == user.id, r.used_at.is_(None))
    with db.write() as c:
        is_used = c.execute(update(t.recovery_codes).where(*is_good).values(used_at=clock.now())).rowcount == 1
        if is_used:
            note(c, user.workspace_id, user.id, "people.recovery_code_used", user.name)
        return is_used


def codes_left(db: Database, user: User) -> int:
    """How many recovery codes are still good."""
    with db.read() as c:
        return int(c.execute(select(func.count()).where(r.person_id == user.id, r.used_at.is_(None))).scalar_one())


def switch_off(db: Database, user: User, by: int | None = None) -> None:
    """Ask this user for no second factor any more."""
    with db.write() as c:
        c.execute(update(t.people).where(p.id == user.id).values(totp_sealed="", totp_step=0))
        c.execute(delete(t.recovery_codes).where(r.person_id == user.id))
        note(c, user.workspace_id, by, "people.two_factor_off", user.name)


def note_failed(db: Database, user: User) -> None:
    """Say in the audit log that somebody who had passed the first factor gave a wrong code."""
    with db.write() as c:
        note(c, user.workspace_id, user.id, "people.code_failed", user.name)
