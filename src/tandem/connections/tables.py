"""Tables of connections to outside systems, and of what these deliver."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from tandem.base.database import METADATA, UtcDateTime

connections = Table(
    "connections",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("site_id", ForeignKey("sites.id"), nullable=False),
    Column("area", String(20), nullable=False),
    Column("system", String(30), nullable=False),
    Column("name", String(200), nullable=False),
    Column("settings", JSON, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("cursor", JSON, nullable=False),
    Column("is_on", Boolean, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("polled_at", UtcDateTime, nullable=True),
    Column("ok_at", UtcDateTime, nullable=True),
    Column("next_at", UtcDateTime, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("problem", Text, nullable=False),
)

skipped_records = Table(
    "skipped_records",
    METADATA,
    Column("connection_id", ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("sealed", Text, nullable=False),
)

inbox = Table(
    "inbox",
    METADATA,
    # SQLite numbers rows by itself only when their key is called INTEGER.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("connection_id", ForeignKey("connections.id"), nullable=False),
    Column("key", String(200), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("problem", Text, nullable=False),
    Column("done_at", UtcDateTime, nullable=True),
    UniqueConstraint("connection_id", "key"),
    Index("ix_inbox_waiting", "done_at", "next_at"),
)
