"""API tokens of programs."""

import secrets as random
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update

from tandem.accounts import tables as t
from tandem.accounts.model import ApiToken, Site, User
from tandem.accounts.permissions import FORMER_SCOPES, SCOPES, Role
from tandem.accounts.store.audit import note
from tandem.accounts.store.secrets import hashed
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.texts import short_text

LONGEST_TOKEN_DAYS = 3650


def _tokens() -> Any:
    """Tokens, each with the role that its maker has now."""
    maker = select(t.people.c.role).where(t.people.c.id == t.api_tokens.c.made_by, t.people.c.is_active)
    return select(t.api_tokens, maker.scalar_subquery().label("maker"))


def _token(row: Row[Any]) -> ApiToken:
    fields = {name: row._mapping[name] for name in ApiToken.__struct_fields__ if name != "former_scopes"}
    maker = Role(row.maker) if row.maker else None
    scopes = tuple(FORMER_SCOPES.get(scope, scope) for scope in row.scopes)
    former = tuple(scope for scope in row.scopes if scope in FORMER_SCOPES)
    return ApiToken(**{**fields, "scopes": scopes, "maker": maker, "former_scopes": former})


def make_token(
    db: Database, user: User, name: str, scopes: list[str], site: Site | None = None, days: int | None = 365
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is shown this once.

    raises   UserError for an unknown scope, or one that its maker may not use
    """
    scopes = [FORMER_SCOPES.get(scope, scope) for scope in scopes]
    for scope in scopes:
        if scope not in SCOPES:
            raise UserError(
                "“%(value)s” is not a scope.", "Choose from %(choices)s.", value=scope, choices=", ".join(SCOPES)
            )
        if not user.may(SCOPES[scope]):
            raise UserError("Your role cannot grant “%(scope)s”.", "Ask an admin.", status=403, scope=scope)
    if days is not None and not 1 <= days <= LONGEST_TOKEN_DAYS:
        raise UserError(
            "A token can be valid for 1 to 3,650 days.", ("Leave the field empty for a token that does not expire.")
        ).at("days")
    if not short_text(name, "name") or not scopes:
        raise UserError(
            "A token needs a name and at least one scope.", ("Enter a name and choose at least one scope.")
        ).at("name")
    secret, now = f"tdm_{random.token_urlsafe(32)}", clock.now()
    with db.write() as c:
        made = c.execute(
            insert(t.api_tokens).values(
                workspace_id=user.workspace_id,
                site_id=site.id if site else None,
                name=name.strip(),
                token_hash=hashed(secret),
                scopes=scopes,
                made_by=user.id,
                made_at=now,
                expires_at=now + timedelta(days=days) if days else None,
            )
        )
        note(c, user.workspace_id, user.id, "tokens.made", name, scopes=scopes)
        row = c.execute(_tokens().where(t.api_tokens.c.id == made.inserted_primary_key[0])).one()  # type: ignore[index]
    return _token(row), secret


def token_of(db: Database, secret: str) -> ApiToken | None:
    """The valid token behind this secret. Its last use is noted at most once an hour."""
    now = clock.now()
    with db.read() as c:
        row = c.execute(_tokens().where(t.api_tokens.c.token_hash == hashed(secret))).first()
    if row is None or not _token(row).is_valid(now):
        return None
    if row.used_at is None or now - row.used_at > timedelta(hours=1):
        with db.write() as c:
            c.execute(update(t.api_tokens).where(t.api_tokens.c.id == row.id).values(used_at=now))
    return _token(row)


def tokens_of(db: Database, workspace_id: int) -> list[ApiToken]:
    with db.read() as c:
        query = _tokens().where(t.api_tokens.c.workspace_id == workspace_id).order_by(t.api_tokens.c.id)
        return [_token(r) for r in c.execute(query)]


def revoke_token(db: Database, user: User, token_id: int) -> None:
    with db.write() as c:
        c.execute(
            update(t.api_tokens)
            .where(t.api_tokens.c.id == token_id, t.api_tokens.c.workspace_id == user.workspace_id)
            .values(revoked_at=clock.now())
        )
        note(c, user.workspace_id, user.id, "tokens.revoked", str(token_id))
