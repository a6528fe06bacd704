"""Signing in: passwords and the sessions they open."""

import secrets as random
from datetime import timedelta

from sqlalchemy import Connection, delete, insert, select, update

from tandem.accounts import passwords
from tandem.accounts import tables as t
from tandem.accounts.model import Session, User
from tandem.accounts.store.audit import note
from tandem.accounts.store.secrets import hashed
from tandem.accounts.store.users import is_only_admin, sought, user_of_row
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError

SIGNED_IN_FOR = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=10)


def sign_in(db: Database, email: str, password: str, agent: str = "") -> tuple[User, str] | None:
    """The person and a new sign-in token, or None when address and password do not belong together."""
    user = check_password(db, email, password)
    return (user, open_session(db, user, agent)) if user else None


def check_password(db: Database, email: str, password: str, is_signed_in: bool = False) -> User | None:
    """Who this is, or None when address and password do not belong together; the audit log is told who asked."""
    with db.read() as c:
        row = c.execute(select(t.people).where(t.people.c.email == sought(email))).first()
    is_right = passwords.fits(row.password_hash if row else None, password)
    if row is None or not row.is_active:
        return None
    if not is_right:
        with db.write() as c:
            if is_signed_in:
                note(c, row.workspace_id, row.id, "people.password_refused", row.name)
            else:
                note(c, row.workspace_id, row.id, "people.sign_in_failed", row.name)
        return None
    return user_of_row(row)


def confirm_password(db: Database, user: User, password: str, sends_mail: bool = True, field: str = "password") -> None:
    """Raises UserError, at its field of the form, unless it is the password of this user, who is signed in.

    sends_mail   whether “Forgot password” can send a link: without it, whoever signs out has locked themselves out
    """
    if not user.has_password:
        raise UserError("You have no password here to confirm this with.", "Ask an admin for a link to choose one.")
    if check_password(db, user.email, password, is_signed_in=True) is None:
        raise _not_right(db, user, sends_mail).at(field)


def _not_right(db: Database, user: User, sends_mail: bool) -> UserError:
    """A wrong password, and the way to a new one that is open to this user."""
    if sends_mail:
        return UserError("The current password is wrong.", "Type it again, or sign out and use “Forgot password”.")
    if is_only_admin(db, user):
        return UserError(
            "The current password is wrong.",
            "Type it again. If you have forgotten it, stay signed in, and have the operator of the server run "
            "%(command)s: it prints a new link.",
            command=f"tandem user reset-link {user.email}",
        )
    return UserError(
        "The current password is wrong.",
        "Type it again. If you have forgotten it, stay signed in and ask an admin for a new link: this Tandem does "
        "not send e-mail.",
    )


def open_session(db: Database, user: User, agent: str = "", way: str = "password") -> str:
    """The token of a new sign-in."""
    token, now = random.token_urlsafe(32), clock.now()
    with db.write() as c:
        c.execute(delete(t.sign_ins).where(t.sign_ins.c.expires_at < now))
        c.execute(
            insert(t.sign_ins).values(
                token_hash=hashed(token), person_id=user.id, made_at=now, expires_at=now + SIGNED_IN_FOR,
                seen_at=now, agent=agent[:100],
            )
        )  # fmt: skip
        note(c, user.workspace_id, user.id, "people.signed_in", user.name, way=way)
    return token


def user_signed_in(db: Database, token: str) -> User | None:
    """Whose sign-in this is, if it still holds. When it was last used is noted every ten minutes."""
    now = clock.now()
    query = (
        select(t.people, t.sign_ins.c.seen_at)
        .join(t.sign_ins, t.sign_ins.c.person_id == t.people.c.id)
        .where(t.sign_ins.c.token_hash == hashed(token), t.sign_ins.c.expires_at > now, t.people.c.is_active)
    )
    with db.read() as c:
        row = c.execute(query).first()
    if row is not None and (row.seen_at is None or now - row.seen_at > SEEN_EVERY):
        with db.write() as c:
            c.execute(update(t.sign_ins).where(t.sign_ins.c.token_hash == hashed(token)).values(seen_at=now))
    return user_of_row(row) if row else None


def sign_out(db: Database, token: str) -> None:
    user = user_signed_in(db, token)
    with db.write() as c:
        c.execute(delete(t.sign_ins).where(t.sign_ins.c.token_hash == hashed(token)))
        if user is not None:
            note(c, user.workspace_id, user.id, "people.signed_out", user.name)


def sessions_of(db: Database, user: User, token: str = "") -> list[Session]:
    """Where a user is signed in, the latest first; `token` is the sign-in that asks."""
    s = t.sign_ins.c
    query = select(t.sign_ins).where(s.person_id == user.id, s.expires_at > clock.now()).order_by(s.made_at.desc())
    with db.read() as c:
        rows = c.execute(query).all()
    return [
        Session(
            name=_session_name(r.token_hash), agent=r.agent, made_at=r.made_at, seen_at=r.seen_at or r.made_at,
            is_this=r.token_hash == hashed(token),
        )
        for r in rows
    ]  # fmt: skip


def end_sessions(db: Database, user: User, name: str = "", but: str = "") -> None:
    """End one sign-in of a user by its name, or all of them except the one of the token `but`."""
    with db.write() as c:
        rows = c.execute(select(t.sign_ins.c.token_hash).where(t.sign_ins.c.person_id == user.id)).scalars().all()
        ended = [r for r in rows if (_session_name(r) == name if name else r != hashed(but))]
        c.execute(delete(t.sign_ins).where(t.sign_ins.c.token_hash.in_(ended)))
        note(c, user.workspace_id, user.id, "people.sessions_ended", user.name, count=len(ended))


def _session_name(token_hash: str) -> str:
    return token_hash[:16]


def change_password(db: Database, user: User, old: str, new: str, token: str = "", sends_mail: bool = True) -> None:
    """Set a user's password anew; every other sign-in of theirs ends, and every link that waits is void.

    token        the sign-in that goes on
    sends_mail   see `confirm_password`
    raises   UserError when the old one is not right or the new one is easily guessed
    """
    confirm_password(db, user, old, sends_mail, "old")
    if new == old:
        raise UserError("This is already your password.", "Choose another one.").at("new")
    passwords.check(new, user.email, user.name)
    password_hash = passwords.hashed(new)
    with db.write() as c:
        put_password(c, user, password_hash, token)


def put_password(c: Connection, user: User, password_hash: str, token: str = "") -> None:
    """Store the hash of a new password, and end all sign-ins but the one of `token`."""
    c.execute(update(t.people).where(t.people.c.id == user.id).values(password_hash=password_hash))
    c.execute(delete(t.sign_ins).where(t.sign_ins.c.person_id == user.id, t.sign_ins.c.token_hash != hashed(token)))
    note(c, user.workspace_id, user.id, "people.password_changed", user.name)
