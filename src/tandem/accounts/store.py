"""Reads and writes of workspaces, people, sites, tokens, sign-ins and the audit log."""

import hashlib
import secrets as random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from tandem.accounts import passwords
from tandem.accounts import tables as t
from tandem.accounts.model import ApiToken, AuditEntry, Person, Session, Site, checked_person, checked_site
from tandem.accounts.pasted import hosts_of, key_of
from tandem.accounts.permissions import SCOPES, Role
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.hosts import own_letters

LONGEST_TOKEN_DAYS = 3650
SIGNED_IN_FOR = timedelta(days=30)
SEEN_EVERY = timedelta(minutes=10)
NO_COMPANY = UserError("The workspace has no name.", "Give the name of the company.").at("company")
NOT_RIGHT = UserError("The current password is not right.", "Type it again, or sign out and use “Forgot password”.")
NOT_RIGHT_NO_MAIL = UserError(
    "The current password is not right.",
    "Type it again. If you no longer know it, stay signed in and ask an admin for a new link: "
    "no e-mail is set up here.",
)
IS_SET_UP = UserError("Tandem is set up already.", "Sign in instead.", status=409)


def hashed(token: str) -> str:
    """What is stored of a token: tokens are long and random, so a plain SHA-256 cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()


def _site(row: Row[Any]) -> Site:
    fields = {name: row._mapping[name] for name in Site.__struct_fields__}
    return Site(**{**fields, "hosts": tuple(row.hosts)})


def _person(row: Row[Any]) -> Person:
    names = ("id", "workspace_id", "email", "name", "language", "theme", "is_active")
    fields = {name: row._mapping[name] for name in names}
    return Person(**fields, role=Role(row.role), has_password=bool(row.password_hash), has_totp=bool(row.totp_sealed))


def _tokens() -> Any:
    """Tokens, each with the role that its maker has now."""
    maker = select(t.people.c.role).where(t.people.c.id == t.api_tokens.c.made_by, t.people.c.is_active)
    return select(t.api_tokens, maker.scalar_subquery().label("maker"))


def _token(row: Row[Any]) -> ApiToken:
    fields = {name: row._mapping[name] for name in ApiToken.__struct_fields__}
    maker = Role(row.maker) if row.maker else None
    return ApiToken(**{**fields, "scopes": tuple(row.scopes), "maker": maker})


def note(
    connection: Connection, workspace_id: int | None, person_id: int | None, act: str, what: str, **detail: object
) -> None:
    """Add a line to the audit log, in the transaction of the deed itself."""
    connection.execute(
        insert(t.audit).values(
            workspace_id=workspace_id, at=clock.now(), person_id=person_id, act=act, object=what[:200], detail=detail
        )
    )


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What changed, for the audit log: field -> before ("from") and after ("to")."""
    return {n: {"from": old.get(n), "to": value} for n, value in new.items() if old.get(n) != value}


def audit_log(db: Database, workspace_id: int, most: int = 200) -> list[AuditEntry]:
    """The newest entries first."""
    query = (
        select(t.audit, t.people.c.name.label("person"))
        .outerjoin(t.people, t.people.c.id == t.audit.c.person_id)
        .where(t.audit.c.workspace_id == workspace_id)
        .order_by(t.audit.c.id.desc())
        .limit(most)
    )
    with db.read() as c:
        return [
            AuditEntry(at=r.at, person=r.person or "", act=r.act, object=r.object, detail=r.detail)
            for r in c.execute(query)
        ]


# ── set-up ──


def is_set_up(db: Database) -> bool:
    """Whether anybody can sign in yet."""
    with db.read() as c:
        return c.execute(select(t.people.c.id).limit(1)).first() is not None


def make_workspace(db: Database, name: str) -> int:
    """The id of a new workspace."""
    with db.write() as c:
        return _insert_workspace(c, name)


def _insert_workspace(c: Connection, name: str) -> int:
    if not name.strip():
        raise NO_COMPANY
    made = c.execute(insert(t.workspaces).values(name=name.strip(), made_at=clock.now()))
    return int(made.inserted_primary_key[0])  # type: ignore[index]


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
) -> Person:
    """The first workspace with its admin and its first site, in one transaction: of several at once, one wins.

    key      of the site; made from its first host when empty
    hosts    as they were pasted

    raises   UserError before anything is written when a field does not fit; (409) when somebody was first
    """
    checked_person(email.strip().lower(), name, "admin")
    passwords.check(password, email, name, company)
    found = hosts_of(hosts)
    if not company.strip():
        raise NO_COMPANY
    site = _site_values(key or key_of(found[0]), company, found, zone, currency, "cookieless", 1100)
    password_hash = passwords.hashed(password)
    try:
        with db.write() as c:
            if c.execute(select(t.people.c.id).limit(1)).first() is not None:
                raise IS_SET_UP
            # PostgreSQL lets two look at once, and both see nobody: this row can be written once.
            c.execute(insert(t.secrets).values(name="set_up", value=clock.now().isoformat()))
            workspace = _insert_workspace(c, company)
            person_id = _insert_person(c, workspace, email, name, "admin", password_hash, language)
            _insert_site(c, workspace, site, by=person_id)
    except IntegrityError as error:
        raise IS_SET_UP from error
    return person_by_id(db, person_id)


# ── people ──


def add_person(
    db: Database,
    workspace_id: int,
    email: str,
    name: str,
    role: str,
    password: str | None,
    language: str = "en",
    by: int | None = None,
) -> Person:
    """A new person who can sign in; without a password they are invited, and choose one by a link.

    raises   UserError when the address is taken or a field does not fit
    """
    checked_person(email.strip().lower(), name, role)
    if password is not None:
        passwords.check(password, email, name)
    password_hash = passwords.hashed(password) if password is not None else ""
    try:
        with db.write() as c:
            person_id = _insert_person(c, workspace_id, email, name, role, password_hash, language, by)
    except IntegrityError as error:
        raise UserError(
            "%(email)s is already known here.", "Use another address, or change that person.", email=email
        ) from error
    return person_by_id(db, person_id)


def _insert_person(
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


def person_by_id(db: Database, person_id: int) -> Person:
    with db.read() as c:
        return _person(c.execute(select(t.people).where(t.people.c.id == person_id)).one())


def bond(db: Database, person: Person) -> str:
    """What a sealed promise to this user is bound to: another e-mail, password or second factor makes it void."""
    p = t.people.c
    with db.read() as c:
        row = c.execute(select(p.email, p.password_hash, p.totp_sealed).where(p.id == person.id)).one()
    return hashlib.sha256("\n".join(str(value) for value in row).encode()).hexdigest()


def person_by_email(db: Database, email: str) -> Person | None:
    """Who signs in with this address and has access, whichever the workspace."""
    query = select(t.people).where(t.people.c.email == _sought(email), t.people.c.is_active)
    with db.read() as c:
        row = c.execute(query).first()
    return _person(row) if row else None


def _sought(email: str) -> str:
    """An address as it may stand in the store; "", which nobody has, for what no text column takes."""
    found = email.strip().lower()[:320]
    return found if found.isprintable() else ""


def is_known(db: Database, email: str) -> bool:
    """Whether anybody has this address, with access or without."""
    with db.read() as c:
        return c.execute(select(t.people.c.id).where(t.people.c.email == _sought(email))).first() is not None


def workspace_name(db: Database, workspace_id: int) -> str:
    with db.read() as c:
        return str(c.execute(select(t.workspaces.c.name).where(t.workspaces.c.id == workspace_id)).scalar_one())


def only_workspace(db: Database) -> int | None:
    """The id of the workspace, where there is exactly one."""
    with db.read() as c:
        found = c.execute(select(t.workspaces.c.id).limit(2)).scalars().all()
    return found[0] if len(found) == 1 else None


def active_person(db: Database, person_id: int) -> Person | None:
    """Somebody who has access, by number."""
    with db.read() as c:
        row = c.execute(select(t.people).where(t.people.c.id == person_id, t.people.c.is_active)).first()
    return _person(row) if row else None


def people_of(db: Database, workspace_id: int) -> list[Person]:
    with db.read() as c:
        query = select(t.people).where(t.people.c.workspace_id == workspace_id).order_by(t.people.c.name)
        return [_person(r) for r in c.execute(query)]


def change_person(
    db: Database,
    person: Person,
    *,
    role: str | None = None,
    is_active: bool | None = None,
    language: str | None = None,
    theme: str | None = None,
    name: str | None = None,
    by: int | None = None,
) -> Person:
    """The person with what is given changed; losing access ends every sign-in and token at once.

    raises   UserError when the workspace would be left without an admin
    """
    given = {"role": role, "is_active": is_active, "language": language, "theme": theme, "name": name}
    values = {k: v for k, v in given.items() if v is not None}
    if name is not None:
        values["name"] = name.strip()
        checked_person(person.email, name, person.role)
    if not values:
        return person
    with db.write() as c:
        c.execute(update(t.people).where(t.people.c.id == person.id).values(**values))
        admins = select(t.people.c.id).where(
            t.people.c.workspace_id == person.workspace_id, t.people.c.role == "admin", t.people.c.is_active
        )
        if (role is not None or is_active is not None) and c.execute(admins).first() is None:
            raise UserError("Somebody must remain who can manage people.", "Make another person admin first.")
        if is_active is False:
            c.execute(delete(t.sign_ins).where(t.sign_ins.c.person_id == person.id))
            c.execute(
                update(t.api_tokens)
                .where(t.api_tokens.c.made_by == person.id, t.api_tokens.c.revoked_at.is_(None))
                .values(revoked_at=clock.now())
            )
        changed = differences(
            {"role": str(person.role), "is_active": person.is_active, "name": person.name},
            {n: v for n, v in values.items() if n in ("role", "is_active", "name")},
        )
        if changed:
            note(c, person.workspace_id, by, "people.changed", person.name, **changed)
    return person_by_id(db, person.id)


# ── signing in ──


def sign_in(db: Database, email: str, password: str, agent: str = "") -> tuple[Person, str] | None:
    """The person and a new sign-in token, or None when address and password do not belong together."""
    person = check_password(db, email, password)
    return (person, open_session(db, person, agent)) if person else None


def check_password(db: Database, email: str, password: str, is_signed_in: bool = False) -> Person | None:
    """Who this is, or None when address and password do not belong together; the audit log is told who asked."""
    with db.read() as c:
        row = c.execute(select(t.people).where(t.people.c.email == _sought(email))).first()
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
    return _person(row)


def confirm_password(db: Database, person: Person, password: str, sends_mail: bool = True) -> None:
    """Raises UserError unless it is the password of this user, who is signed in.

    sends_mail   whether “Forgot password” can send a link: without it, whoever signs out has locked themselves out
    """
    if not person.has_password:
        raise UserError("You have no password here to confirm this with.", "Ask an admin for a link to choose one.")
    if check_password(db, person.email, password, is_signed_in=True) is None:
        raise NOT_RIGHT if sends_mail else NOT_RIGHT_NO_MAIL


def open_session(db: Database, person: Person, agent: str = "", way: str = "password") -> str:
    """The token of a new sign-in."""
    token, now = random.token_urlsafe(32), clock.now()
    with db.write() as c:
        c.execute(delete(t.sign_ins).where(t.sign_ins.c.expires_at < now))
        c.execute(
            insert(t.sign_ins).values(
                token_hash=hashed(token), person_id=person.id, made_at=now, expires_at=now + SIGNED_IN_FOR,
                seen_at=now, agent=agent[:100],
            )
        )  # fmt: skip
        note(c, person.workspace_id, person.id, "people.signed_in", person.name, way=way)
    return token


def person_signed_in(db: Database, token: str) -> Person | None:
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
    return _person(row) if row else None


def sign_out(db: Database, token: str) -> None:
    person = person_signed_in(db, token)
    with db.write() as c:
        c.execute(delete(t.sign_ins).where(t.sign_ins.c.token_hash == hashed(token)))
        if person is not None:
            note(c, person.workspace_id, person.id, "people.signed_out", person.name)


def sessions_of(db: Database, person: Person, token: str = "") -> list[Session]:
    """Where a user is signed in, the latest first; `token` is the sign-in that asks."""
    s = t.sign_ins.c
    query = select(t.sign_ins).where(s.person_id == person.id, s.expires_at > clock.now()).order_by(s.made_at.desc())
    with db.read() as c:
        rows = c.execute(query).all()
    return [
        Session(
            name=_session_name(r.token_hash), agent=r.agent, made_at=r.made_at, seen_at=r.seen_at or r.made_at,
            is_this=r.token_hash == hashed(token),
        )
        for r in rows
    ]  # fmt: skip


def end_sessions(db: Database, person: Person, name: str = "", but: str = "") -> None:
    """End one sign-in of a user by its name, or all of them except the one of the token `but`."""
    with db.write() as c:
        rows = c.execute(select(t.sign_ins.c.token_hash).where(t.sign_ins.c.person_id == person.id)).scalars().all()
        ended = [r for r in rows if (_session_name(r) == name if name else r != hashed(but))]
        c.execute(delete(t.sign_ins).where(t.sign_ins.c.token_hash.in_(ended)))
        note(c, person.workspace_id, person.id, "people.sessions_ended", person.name, count=len(ended))


def _session_name(token_hash: str) -> str:
    return token_hash[:16]


def change_password(db: Database, person: Person, old: str, new: str, token: str = "", sends_mail: bool = True) -> None:
    """Set a user's password anew; every other sign-in of theirs ends, and every link that waits is void.

    token        the sign-in that goes on
    sends_mail   see `confirm_password`
    raises   UserError when the old one is not right or the new one is easily guessed
    """
    confirm_password(db, person, old, sends_mail)
    passwords.check(new, person.email, person.name)
    password_hash = passwords.hashed(new)
    with db.write() as c:
        put_password(c, person, password_hash, token)


def put_password(c: Connection, person: Person, password_hash: str, token: str = "") -> None:
    """Store the hash of a new password, and end all sign-ins but the one of `token`."""
    c.execute(update(t.people).where(t.people.c.id == person.id).values(password_hash=password_hash))
    c.execute(delete(t.sign_ins).where(t.sign_ins.c.person_id == person.id, t.sign_ins.c.token_hash != hashed(token)))
    note(c, person.workspace_id, person.id, "people.password_changed", person.name)


# ── sites ──


def add_site(
    db: Database,
    workspace_id: int,
    key: str,
    name: str,
    hosts: list[str],
    zone: str = "UTC",
    currency: str = "EUR",
    mode: str = "cookieless",
    keep_days: int = 1100,
    by: int | None = None,
) -> Site:
    """A new site to measure; an empty key is made from its first host, and an empty name is that host.

    hosts    as they were pasted
    raises   UserError when the key is taken or a field does not fit
    """
    found = hosts_of(hosts)
    key = key or key_of(found[0], {s.key for s in all_sites(db)})
    values = _site_values(key, name or own_letters(found[0]), found, zone, currency, mode, keep_days)
    try:
        with db.write() as c:
            _insert_site(c, workspace_id, values, by)
    except IntegrityError as error:
        raise UserError("There is already a site with the key “%(key)s”.", "Choose another key.", key=key).at(
            "key"
        ) from error
    return next(s for s in all_sites(db) if s.key == key)


def _site_values(
    key: str, name: str, hosts: list[str], zone: str, currency: str, mode: str, keep_days: int
) -> dict[str, Any]:
    checked_site(key, name, hosts, zone, currency, mode, keep_days)
    return {
        "key": key, "name": name.strip(), "hosts": hosts, "zone": zone, "currency": currency, "mode": mode,
        "keep_days": keep_days, "made_at": clock.now(),
    }  # fmt: skip


def _insert_site(c: Connection, workspace_id: int, values: dict[str, Any], by: int | None) -> None:
    c.execute(insert(t.sites).values(workspace_id=workspace_id, **values))
    note(c, workspace_id, by, "sites.added", values["key"])


def change_site(db: Database, site: Site, by: int | None = None, **values: Any) -> Site:
    """The site with what is given changed; the key stays, because pages carry it."""
    merged = {**msgspec.structs.asdict(site), **values}
    merged["hosts"] = hosts_of(merged["hosts"], site.hosts) if "hosts" in values else list(site.hosts)
    fields = ("name", "hosts", "zone", "currency", "mode", "keep_days")
    checked_site(site.key, **{k: merged[k] for k in fields})
    with db.write() as c:
        c.execute(update(t.sites).where(t.sites.c.id == site.id).values(**{k: merged[k] for k in fields}))
        changed = differences(
            {**msgspec.structs.asdict(site), "hosts": list(site.hosts)}, {k: merged[k] for k in values}
        )
        note(c, site.workspace_id, by, "sites.changed", site.key, **changed)
    return next(s for s in all_sites(db) if s.id == site.id)


def all_sites(db: Database) -> list[Site]:
    with db.read() as c:
        return [_site(r) for r in c.execute(select(t.sites).order_by(t.sites.c.id))]


def sites_of(db: Database, workspace_id: int) -> list[Site]:
    return [s for s in all_sites(db) if s.workspace_id == workspace_id]


# ── API tokens ──


def make_token(
    db: Database, person: Person, name: str, scopes: list[str], site: Site | None = None, days: int | None = 365
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is shown this once.

    raises   UserError for an unknown scope, or one that its maker may not use
    """
    for scope in scopes:
        if scope not in SCOPES:
            raise UserError(
                "“%(value)s” is not a scope.", "Choose from %(choices)s.", value=scope, choices=", ".join(SCOPES)
            )
        if not person.may(SCOPES[scope]):
            raise UserError("Your role may not give “%(scope)s”.", "Ask an admin.", status=403, scope=scope)
    if days is not None and not 1 <= days <= LONGEST_TOKEN_DAYS:
        raise UserError("A token holds for 1 to 3,650 days.", "Leave the field empty for one without end.")
    if not scopes or not name.strip():
        raise UserError("A token needs a name and at least one scope.", "Say what it is for and what it may do.")
    secret, now = f"tdm_{random.token_urlsafe(32)}", clock.now()
    with db.write() as c:
        made = c.execute(
            insert(t.api_tokens).values(
                workspace_id=person.workspace_id,
                site_id=site.id if site else None,
                name=name.strip(),
                token_hash=hashed(secret),
                scopes=scopes,
                made_by=person.id,
                made_at=now,
                expires_at=now + timedelta(days=days) if days else None,
            )
        )
        note(c, person.workspace_id, person.id, "tokens.made", name, scopes=scopes)
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


def revoke_token(db: Database, person: Person, token_id: int) -> None:
    with db.write() as c:
        c.execute(
            update(t.api_tokens)
            .where(t.api_tokens.c.id == token_id, t.api_tokens.c.workspace_id == person.workspace_id)
            .values(revoked_at=clock.now())
        )
        note(c, person.workspace_id, person.id, "tokens.revoked", str(token_id))


def secret(db: Database, name: str) -> bytes:
    """A random key of this installation, made when first asked for; the same on every machine that shares the store."""
    query = select(t.secrets.c.value).where(t.secrets.c.name == name)
    with db.read() as c:
        found = c.execute(query).scalar()
    if found is None:
        try:
            with db.write() as c:
                c.execute(insert(t.secrets).values(name=name, value=random.token_hex(32)))
        except IntegrityError:
            pass  # another process was first; its key is the one
        with db.read() as c:
            found = c.execute(query).scalar_one()
    return bytes.fromhex(found)
