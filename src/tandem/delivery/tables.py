"""Tables of the outbox and of what users want to be told."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from tandem.base.database import METADATA, UtcDateTime

outbox = Table(
    "outbox",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("workspace_id", Integer, nullable=True),
    Column("person_id", Integer, nullable=True),
    Column("channel", String(20), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("problem", String(200), nullable=False),
    Column("sent_at", UtcDateTime, nullable=True),
    Column("dead_at", UtcDateTime, nullable=True),
    Index("ix_outbox_next_at", "next_at"),
)

preferences = Table(
    "delivery_preferences",
    METADATA,
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("channel", String(20), primary_key=True),
    Column("is_on", Boolean, nullable=False),
)
