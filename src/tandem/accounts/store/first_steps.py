"""Who wants to see the first steps of a site no more."""

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from tandem.accounts import tables as t
from tandem.accounts.model import Site, User
from tandem.base import clock
from tandem.base.database import Database


def is_put_away(db: Database, user: User, site: Site) -> bool:
    d = t.first_steps_put_away.c
    with db.read() as c:
        return c.execute(select(d.at).where(d.person_id == user.id, d.site_id == site.id)).first() is not None


def put_away(db: Database, user: User, site: Site) -> None:
    """Show this user the steps of this site no more."""
    try:
        with db.write() as c:
            c.execute(insert(t.first_steps_put_away).values(person_id=user.id, site_id=site.id, at=clock.now()))
    except IntegrityError:
        pass  # done before
