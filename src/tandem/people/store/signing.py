"""The secrets with which the servers of sites sign who a browser is: sealed, and two valid at a time."""

import secrets
from collections import Counter
from datetime import datetime

import msgspec
from sqlalchemy import insert, select, update

from tandem.accounts.model import Site
from tandem.accounts.store import note
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.vault import Vault
from tandem.core.context import Context
from tandem.people.tables import signing_secrets as t

VALID_AT_A_TIME = 2
PREFIX = "tdms_"


class SigningSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A valid secret of a site, without the secret itself."""

    id: int
    made_at: datetime


def secrets_of(ctx: Context, site: Site) -> list[SigningSecret]:
    """The valid secrets of a site, the newest first."""
    query = select(t.c.id, t.c.made_at).where(t.c.site_id == site.id, t.c.retired_at.is_(None)).order_by(t.c.id.desc())
    with ctx.database.read() as c:
        return [SigningSecret(id=row.id, made_at=row.made_at) for row in c.execute(query)]


def make_secret(ctx: Context, site: Site, by: int | None = None) -> str:
    """A new secret, which is told this once. The one before stays valid until the next, so that servers can follow."""
    made = PREFIX + secrets.token_urlsafe(32)
    valid = t.c.site_id == site.id, t.c.retired_at.is_(None)
    with ctx.database.write() as c:
        c.execute(insert(t).values(site_id=site.id, sealed=ctx.vault.seal(made), made_by=by, made_at=clock.now()))
        ids = c.execute(select(t.c.id).where(*valid).order_by(t.c.id.desc()).limit(VALID_AT_A_TIME)).scalars().all()
        c.execute(update(t).where(*valid, t.c.id.not_in(ids)).values(retired_at=clock.now()))
        note(c, site.workspace_id, by, "signing.secret_made", site.key)
    return made


def retire_secret(ctx: Context, site: Site, number: int, by: int | None = None) -> None:
    """What is signed with this secret proves nothing any more, within seconds.

    raises   UserError (404) when there is no such secret
    """
    where = t.c.id == number, t.c.site_id == site.id, t.c.retired_at.is_(None)
    with ctx.database.write() as c:
        if not c.execute(update(t).where(*where).values(retired_at=clock.now())).rowcount:
            raise UserError("There is no such secret.", "Reload the page.", status=404)
        note(c, site.workspace_id, by, "signing.secret_retired", site.key)


def valid_secrets(ctx: Context) -> dict[int, list[str]]:
    """The valid secrets of each site by its number, opened, the oldest first; those of another key are left out."""
    secrets: dict[int, list[str]] = {}
    with ctx.database.read() as c:
        rows = c.execute(select(t.c.site_id, t.c.sealed).where(t.c.retired_at.is_(None)).order_by(t.c.id)).all()
    for row in rows:
        if (secret := ctx.vault.try_open(row.sealed)) is not None:
            secrets.setdefault(row.site_id, []).append(secret)
    return secrets


def unreadable_secrets(db: Database, vault: Vault) -> Counter[int]:
    """How many valid secrets of each site this key does not open."""
    with db.read() as c:
        rows = c.execute(select(t.c.site_id, t.c.sealed).where(t.c.retired_at.is_(None))).all()
    return Counter(row.site_id for row in rows if vault.try_open(row.sealed) is None)
