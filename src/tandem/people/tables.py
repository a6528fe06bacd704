"""Tables of identifiers with their sealed values, of decisions about them, and of the sites' signing secrets."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from tandem.base.database import METADATA, UtcDateTime

identifiers = Table(
    "identifiers",
    METADATA,
    Column("site_id", ForeignKey("sites.id"), primary_key=True),
    Column("key", String(16), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

decisions = Table(
    "identity_decisions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("site_id", ForeignKey("sites.id"), nullable=False),
    Column("act", String(10), nullable=False),
    Column("a", String(16), nullable=False),
    Column("a_kind", String(10), nullable=False),
    Column("b", String(16), nullable=False),
    Column("b_kind", String(10), nullable=False),
    Column("made_by", Integer, nullable=True),
    Column("made_at", UtcDateTime, nullable=False),
    Column("undone_by", Integer, nullable=True),
    Column("undone_at", UtcDateTime, nullable=True),
    Index("ix_identity_decisions_site", "site_id", "undone_at"),
)

signing_secrets = Table(
    "signing_secrets",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("site_id", ForeignKey("sites.id"), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("made_by", Integer, nullable=True),
    Column("made_at", UtcDateTime, nullable=False),
    Column("retired_at", UtcDateTime, nullable=True),
    Index("ix_signing_secrets_site", "site_id", "retired_at"),
)
