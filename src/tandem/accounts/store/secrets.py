"""Secrets of the installation, and what is stored in place of a secret."""

import hashlib
import secrets as random

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from tandem.accounts import tables as t
from tandem.base.database import Database


def hashed(token: str) -> str:
    """What is stored of a token: tokens are long and random, so a plain SHA-256 cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()


def secret(db: Database, name: str) -> bytes:
    """A random key of this installation, made when first asked for; the same on every machine that shares the store."""
    query = select(t.secrets.c.value).where(t.secrets.c.name == name)
    with db.read() as c:
        stored = c.execute(query).scalar()
    if stored is None:
        try:
            with db.write() as c:
                c.execute(insert(t.secrets).values(name=name, value=random.token_hex(32)))
        except IntegrityError:
            pass  # another process was first; its key is the one
        with db.read() as c:
            stored = c.execute(query).scalar_one()
    return bytes.fromhex(stored)
