"""Tables of workspaces, people, sites, tokens, sign-ins and their tries, links, recovery codes and the audit log."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from tandem.base.database import METADATA, UtcDateTime

workspaces = Table(
    "workspaces",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
)

people = Table(
    "people",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("email", String(320), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("role", String(20), nullable=False),
    Column("password_hash", String(200), nullable=False),
    Column("language", String(5), nullable=False, server_default="en"),
    Column("theme", String(10), nullable=False, server_default="auto"),
    Column("is_active", Boolean, nullable=False, server_default="1"),
    Column("made_at", UtcDateTime, nullable=False),
    Column("totp_sealed", Text, nullable=False, server_default=""),
    Column("totp_step", BigInteger, nullable=False, server_default="0"),
)

sites = Table(
    "sites",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("key", String(40), nullable=False, unique=True),
    Column("name", String(200), nullable=False),
    Column("hosts", JSON, nullable=False),
    Column("zone", String(60), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("mode", String(12), nullable=False),
    Column("keep_days", Integer, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
)

sign_ins = Table(
    "sign_ins",
    METADATA,
    Column("token_hash", String(64), primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=True),
    Column("agent", String(100), nullable=False, server_default=""),
)

tries = Table(
    "tries",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Index("ix_tries_ends_at", "ends_at"),
)

account_links = Table(
    "account_links",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("person_id", ForeignKey("people.id"), nullable=True),
    Column("kind", String(10), nullable=False),
    Column("bound_to", String(64), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("made_by", ForeignKey("people.id"), nullable=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime, nullable=True),
)

recovery_codes = Table(
    "recovery_codes",
    METADATA,
    Column("code_hash", String(64), primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("used_at", UtcDateTime, nullable=True),
)

api_tokens = Table(
    "api_tokens",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("workspace_id", ForeignKey("workspaces.id"), nullable=False),
    Column("site_id", ForeignKey("sites.id"), nullable=True),
    Column("name", String(200), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("made_by", ForeignKey("people.id"), nullable=True),
    Column("made_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=True),
    Column("used_at", UtcDateTime, nullable=True),
    Column("revoked_at", UtcDateTime, nullable=True),
)

dismissed_first_steps = Table(
    "first_steps_put_away",
    METADATA,
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("site_id", ForeignKey("sites.id"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

audit = Table(
    "audit",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("workspace_id", Integer, nullable=True),
    Column("at", UtcDateTime, nullable=False),
    Column("person_id", Integer, nullable=True),
    Column("act", String(60), nullable=False),
    Column("object", String(200), nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ix_audit_workspace_at", "workspace_id", "at"),
)

secrets = Table(
    "secrets",
    METADATA,
    Column("name", String(60), primary_key=True),
    Column("value", Text, nullable=False),
)
