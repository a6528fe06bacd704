"""Users: who they are, what they may, and when they were made or changed."""

import hashlib
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tandem.accounts import passwords
from tandem.accounts import tables as t
from tandem.accounts.model import User, checked_user
from tandem.accounts.permissions import Role
from tandem.accounts.store.audit import differences, note
from tandem.base import clock
from tandem.base.database import Database, wait_for_turn
from tandem.base.errors import UserError


def user_of_row(row: Row[Any]) -> User:
    names = ("id", "workspace_id", "email", "name", "language", "theme", "is_active")
    fields = {name: row._mapping[name] for name in names}
    return User(**fields, role=Role(row.role), has_password=bool(row.password_hash), has_totp=bool(row.totp_sealed))


def add_user(
    db: Database,
    workspace_id: int,
    email: str,
    name: str,
    role: str,
    password: str | None,
    language: str = "en",
    by: int | None = None,
) -> User:
    """A new person who can sign in; without a password they are invited, and choose one by a link.

    raises   UserError when the address is taken or a field does not fit
    """
    checked_user(email.strip().lower(), name, role)
    if password is not None:
        passwords.check(password, email, name)
    password_hash = passwords.hashed(password) if password is not None else ""
    try:
        with db.write() as c:
            person_id = insert_user(c, workspace_id, email, name, role, password_hash, language, by)
    except IntegrityError as error:
        raise UserError(
            "%(email)s already has an account.", "Use another address, or edit the existing user.", email=email
        ).at("email") from error
    return user_by_id(db, person_id)


def insert_user(
    c: Connection,
    workspace_id: int,
    email: str,
    name: str,
    role: str,
    password_hash: str,
    language: str,
    by: int | None = None,
) -> int:
    values = {
        "workspace_id": workspace_id, "email": email.strip().lower(), "name": name.strip(), "role": role,
        "language": language, "theme": "auto", "password_hash": password_hash, "is_active": True,
        "made_at": clock.now(),
    }  # fmt: skip
    person_id = int(c.execute(insert(t.people).values(**values)).inserted_primary_key[0])  # type: ignore[index]
    note(c, workspace_id, by, "people.added", name, role=role)
    return person_id


def user_by_id(db: Database, person_id: int) -> User:
    with db.read() as c:
        return user_of_row(c.execute(select(t.people).where(t.people.c.id == person_id)).one())


def bond(db: Database, user: User) -> str:
    """What a sealed promise to this user is bound to: another e-mail, password or second factor makes it void."""
    p = t.people.c
    with db.read() as c:
        row = c.execute(select(p.email, p.password_hash, p.totp_sealed).where(p.id == user.id)).one()
    return hashlib.sha256("\n".join(str(value) for value in row).encode()).hexdigest()


def user_by_email(db: Database, email: str) -> User | None:
    """Who signs in with this address and has access, whichever the workspace."""
    query = select(t.people).where(t.people.c.email == sought(email), t.people.c.is_active)
    with db.read() as c:
        row = c.execute(query).first()
    return user_of_row(row) if row else None


def sought(email: str) -> str:
    """An address as it may stand in the store; "", which nobody has, for what no text column takes."""
    address = email.strip().lower()[:320]
    return address if address.isprintable() else ""


def is_known(db: Database, email: str) -> bool:
    """Whether anybody has this address, with access or without."""
    with db.read() as c:
        return c.execute(select(t.people.c.id).where(t.people.c.email == sought(email))).first() is not None


def active_user(db: Database, person_id: int) -> User | None:
    """Somebody who has access, by number."""
    with db.read() as c:
        row = c.execute(select(t.people).where(t.people.c.id == person_id, t.people.c.is_active)).first()
    return user_of_row(row) if row else None


def users_of(db: Database, workspace_id: int) -> list[User]:
    with db.read() as c:
        query = select(t.people).where(t.people.c.workspace_id == workspace_id).order_by(t.people.c.name)
        return [user_of_row(r) for r in c.execute(query)]


def is_only_admin(db: Database, user: User) -> bool:
    """Whether nobody else can help this user to a new link."""
    with db.read() as c:
        return [row.id for row in c.execute(_admins(user))] == [user.id]


def _admins(user: User) -> Select[tuple[int]]:
    """Those of a user's workspace who can manage users."""
    p = t.people.c
    return select(p.id).where(p.workspace_id == user.workspace_id, p.role == "admin", p.is_active)


def change_user(
    db: Database,
    user: User,
    *,
    role: str | None = None,
    is_active: bool | None = None,
    language: str | None = None,
    theme: str | None = None,
    name: str | None = None,
    by: int | None = None,
) -> User:
    """The person with what is given changed; losing access ends every sign-in, token and link at once.

    raises   UserError when the workspace would be left without an admin
    """
    fields = {"role": role, "is_active": is_active, "language": language, "theme": theme, "name": name}
    values = {k: v for k, v in fields.items() if v is not None}
    if name is not None:
        values["name"] = name.strip()
        checked_user(user.email, name, user.role)
    if not values:
        return user
    with db.write() as c:
        wait_for_turn(c, t.workspaces, user.workspace_id)  # two admins may take each other's role at one moment
        c.execute(update(t.people).where(t.people.c.id == user.id).values(**values))
        if (role is not None or is_active is not None) and c.execute(_admins(user)).first() is None:
            raise UserError("At least one user must be able to manage users.", "Make another user an admin first.")
        if is_active is False:
            c.execute(delete(t.sign_ins).where(t.sign_ins.c.person_id == user.id))
            c.execute(delete(t.account_links).where(t.account_links.c.person_id == user.id))
            c.execute(
                update(t.api_tokens)
                .where(t.api_tokens.c.made_by == user.id, t.api_tokens.c.revoked_at.is_(None))
                .values(revoked_at=clock.now())
            )
        changed = differences(
            {"role": str(user.role), "is_active": user.is_active, "name": user.name},
            {n: v for n, v in values.items() if n in ("role", "is_active", "name")},
        )
        if changed:
            note(c, user.workspace_id, by, "people.changed", user.name, **changed)
    return user_by_id(db, user.id)
