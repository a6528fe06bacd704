"""What the commands about people, sites, goals and changes need: the record store, which any number may open."""

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from tandem.accounts import store
from tandem.accounts.model import Site, User
from tandem.accounts.permissions import Role
from tandem.base.config import Config
from tandem.base.data_folder import check_whole
from tandem.base.database import Database
from tandem.base.errors import UserError


@contextmanager
def records(config: Config) -> Iterator[Database]:
    """The record store in its newest form; a running server may have it open too."""
    check_whole(config.folder)
    database = Database(config.records_dsn)
    try:
        database.migrate()
        yield database
    finally:
        database.close()


def workspace(database: Database) -> int:
    """The id of the workspace.

    raises   UserError when there is none yet
    """
    first = store.first_workspace(database)
    if first is None:
        raise UserError("Tandem is not set up here yet.", "Run `tandem setup` first.")
    return first


def user(database: Database, email: str = "") -> User:
    """The person of this address, or the first admin.

    raises   UserError when there is no such person
    """
    people = [p for p in store.users_of(database, workspace(database)) if p.is_active]
    if email:
        user = store.user_by_email(database, email)  # in whichever workspace
        people = [user] if user else []
    else:
        people = sorted((p for p in people if p.role == Role.ADMIN), key=lambda p: p.id)
    if not people:
        raise UserError(f"No user has the address {email}.", "Run `tandem user list` to see the users.")
    return people[0]


def site(database: Database, key: str = "") -> Site:
    """The site of this key, or the only one.

    raises   UserError when there is none, or when one has to be chosen
    """
    sites = store.sites_of(database, workspace(database))
    keys = ", ".join(s.key for s in sites)
    if not sites:
        raise UserError("There are no sites yet.", "Add one with `tandem site add`.")
    if not key and len(sites) > 1:
        raise UserError("There are several sites.", f"Choose one with --site: {keys}.")
    for one in sites:
        if key in ("", one.key):
            return one
    raise UserError(f"There is no site “{key[:40]}”.", f"Known sites: {keys}.", status=404)


def moment(text: str, where: Site) -> datetime:
    """A moment as people write it; without a zone it is the site's time.

    raises   UserError when it is none
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(
            f"“{text[:40]}” is not a date and time.", "Use the format 2026-11-22T14:30, optionally with a time zone."
        ) from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=where.tz)


def password() -> str:
    """A new password: from TANDEM_PASSWORD, typed twice at a terminal, or the first line of what is piped in.

    raises   UserError when it was typed differently the second time
    """
    if text := os.environ.get("TANDEM_PASSWORD"):
        return text
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise UserError("The two passwords do not match.", "Run the command again.")
    return first
