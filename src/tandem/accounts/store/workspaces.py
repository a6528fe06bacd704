"""Workspaces, and the first set-up of a server."""

from functools import partial

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from tandem.accounts import passwords
from tandem.accounts import tables as t
from tandem.accounts.model import User, checked_currency, checked_key, checked_user, checked_zone
from tandem.accounts.pasted import hosts_of, key_of
from tandem.accounts.store.sites import insert_site, site_values
from tandem.accounts.store.users import insert_user, user_by_id
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import SignInInstead, UserError, tell_together
from tandem.base.texts import short_text

NO_COMPANY = UserError("The workspace has no name.", "Enter the company name.").at("company")
IS_SET_UP = SignInInstead(
    "Tandem is already set up.",
    "If you have just filled in this form, sign in with the e-mail address and password you chose.",
    status=409,
)


def is_set_up(db: Database) -> bool:
    """Whether anybody can sign in yet."""
    with db.read() as c:
        return c.execute(select(t.people.c.id).limit(1)).first() is not None


def make_workspace(db: Database, name: str) -> int:
    """The id of a new workspace."""
    with db.write() as c:
        return _insert_workspace(c, name)


def _insert_workspace(c: Connection, name: str) -> int:
    _checked_company(name)
    made = c.execute(insert(t.workspaces).values(name=name.strip(), made_at=clock.now()))
    return int(made.inserted_primary_key[0])  # type: ignore[index]


def check_set_up(
    company: str, email: str, name: str, password: str, key: str, hosts: list[str], zone: str, currency: str
) -> None:
    """Refuse a set-up whose fields do not fit, and name all of them.

    raises   UserError with the others beside it
    """
    tell_together(
        partial(checked_user, email.strip().lower(), name, "admin"),
        partial(passwords.check, password, email, name, company),
        partial(_checked_company, company),
        partial(hosts_of, hosts),
        partial(checked_zone, zone),
        partial(checked_currency, currency),
        *([partial(checked_key, key)] if key else []),
    )


def _checked_company(name: str) -> None:
    if not short_text(name, "company"):
        raise NO_COMPANY


def set_up(
    db: Database,
    company: str,
    email: str,
    name: str,
    password: str,
    key: str,
    hosts: list[str],
    zone: str,
    currency: str,
    language: str = "en",
) -> User:
    """The first workspace with its admin and its first site, in one transaction: of several at once, one wins.

    key      of the site; made from its first host when empty
    hosts    as they were pasted

    raises   UserError before anything is written when fields do not fit; (409) when somebody was first
    """
    check_set_up(company, email, name, password, key, hosts, zone, currency)
    found = hosts_of(hosts)
    site = site_values(key or key_of(found[0]), company, found, zone, currency, "cookieless", 1100)
    password_hash = passwords.hashed(password)
    try:
        with db.write() as c:
            if c.execute(select(t.people.c.id).limit(1)).first() is not None:
                raise IS_SET_UP
            # PostgreSQL lets two look at once, and both see nobody: this row can be written once.
            c.execute(insert(t.secrets).values(name="set_up", value=clock.now().isoformat()))
            workspace = _insert_workspace(c, company)
            person_id = insert_user(c, workspace, email, name, "admin", password_hash, language)
            insert_site(c, workspace, site, by=person_id)
    except IntegrityError as error:
        raise IS_SET_UP from error
    return user_by_id(db, person_id)


def workspace_name(db: Database, workspace_id: int) -> str:
    with db.read() as c:
        return str(c.execute(select(t.workspaces.c.name).where(t.workspaces.c.id == workspace_id)).scalar_one())


def first_workspace(db: Database) -> int | None:
    """The id of the first workspace; None before the set-up."""
    with db.read() as c:
        return c.execute(select(t.workspaces.c.id).order_by(t.workspaces.c.id)).scalar()


def only_workspace(db: Database) -> int | None:
    """The id of the workspace, where there is exactly one."""
    with db.read() as c:
        ids = c.execute(select(t.workspaces.c.id).limit(2)).scalars().all()
    return ids[0] if len(ids) == 1 else None
