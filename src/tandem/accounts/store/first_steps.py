"""Who wants to see the first steps of a site no more."""

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from tandem.accounts import tables as t
from tandem.accounts.model import Site, User
from tandem.base import clock
from tandem.base.database import Database


def is_dismissed(db: Database, user: User, site: Site) -> bool:
    d = t.dismissed_first_steps.c
    with db.read() as c:
        return c.execute(select(d.at).where(d.person_id == user.id, d.site_id == site.id)).first() is not None


def dismiss(db: Database, user: User, site: Site) -> None:
    """Show this user the steps of this site no more."""
    try:
        with db.write() as c:
            c.execute(insert(t.dismissed_first_steps).values(person_id=user.id, site_id=site.id, at=clock.now()))
    except IntegrityError:
        pass  # done before
