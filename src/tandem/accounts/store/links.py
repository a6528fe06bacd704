"""Links by which a user chooses a password: of an invitation, or after the old one was forgotten.

Only their hash is stored. A link holds once and for a while, and is bound to the e-mail and the password of its user:
when either changes, it is void.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from tandem.accounts import passwords
from tandem.accounts import tables as t
from tandem.accounts.model import User
from tandem.accounts.store.audit import note
from tandem.accounts.store.secrets import hashed
from tandem.accounts.store.sessions import put_password
from tandem.accounts.store.users import active_user
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import SignInInstead

INVITE, RESET = "invite", "reset"
HOLDS = {INVITE: timedelta(days=7), RESET: timedelta(hours=1)}
VOID = SignInInstead(
    "This link is no longer valid: it has been used, or it is too old.",
    "If you have just set a password here, sign in with it. If not, ask for a new link.",
    status=410,
)
links = t.account_links.c


def make(db: Database, user: User | None, kind: str, by: int | None = None) -> str:
    """The secret of a new link; where an admin makes it, links of this user that still wait become void.

    Anybody may ask for a link for an address that they know: that must not void an invitation, or what an admin made.
    user     for None the same work is done, so that nobody learns from the time it takes who has an account
    """
    token, now = secrets.token_urlsafe(32), clock.now()
    number = user.id if user else -1
    with db.write() as c:
        row = c.execute(select(t.people).where(t.people.c.id == number)).first()
        is_over = links.expires_at < now
        c.execute(delete(t.account_links).where(is_over if by is None else is_over | (links.person_id == number)))
        c.execute(
            insert(t.account_links).values(
                token_hash=hashed(token), person_id=user.id if user else None, kind=kind,
                bound_to=_bond(row) if row else "", made_at=now, made_by=by, expires_at=now + HOLDS[kind],
            )
        )  # fmt: skip
        if user is not None and by is not None:
            note(c, user.workspace_id, by, f"people.{kind}_link_made", user.name)
    return token


def user_of(db: Database, token: str) -> tuple[User, str]:
    """Whose link this is and of which kind.

    raises   UserError (410) when it is void
    """
    with db.read() as c:
        row = _valid(c, token)
    user = active_user(db, row.person_id) if row else None
    if row is None or user is None:
        raise VOID
    return user, str(row.kind)


def use(db: Database, token: str, password: str) -> User:
    """The user, with the password that they chose; all their sign-ins end.

    raises   UserError when the password is easily guessed; (410) when the link is void, or somebody was quicker with it
    """
    user, _ = user_of(db, token)
    passwords.check(password, user.email, user.name)
    password_hash = passwords.hashed(password)
    with db.write() as c:
        row = _valid(c, token)
        mine = update(t.account_links).where(links.token_hash == hashed(token), links.used_at.is_(None))
        if row is None or c.execute(mine.values(used_at=clock.now())).rowcount != 1:
            raise VOID
        put_password(c, user, password_hash)
    return user


def _valid(c: Connection, token: str) -> Row[Any] | None:
    """The link with its user, if it still holds."""
    query = (
        select(t.account_links.c.kind, t.account_links.c.bound_to, t.account_links.c.person_id, t.people)
        .join(t.people, t.people.c.id == links.person_id)
        .where(
            links.token_hash == hashed(token),
            links.used_at.is_(None),
            links.expires_at > clock.now(),
            t.people.c.is_active,
        )
    )
    row = c.execute(query).first()
    return row if row is not None and row.bound_to == _bond(row) else None


def _bond(row: Row[Any]) -> str:
    return hashlib.sha256(f"{row.email}\n{row.password_hash}".encode()).hexdigest()
