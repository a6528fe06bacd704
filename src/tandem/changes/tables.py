"""The change log, and what its changes were measured to have done."""

from sqlalchemy import Column, Date, Float, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from tandem.base.database import METADATA, UtcDateTime

changes = Table(
    "changes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("site_id", ForeignKey("sites.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("scope", String(200), nullable=False),
    Column("author", String(200), nullable=False),
    Column("title", String(300), nullable=False),
    Column("note", Text, nullable=False),
    Column("url", String(1000), nullable=False),
    Column("source", String(20), nullable=False),
    Column("external_id", String(200), nullable=True),
    Column("made_at", UtcDateTime, nullable=False),
    Column("removed_at", UtcDateTime, nullable=True),
    UniqueConstraint("site_id", "source", "external_id"),
    Index("ix_changes_site_at", "site_id", "at"),
)

effects = Table(
    "change_effects",
    METADATA,
    Column("change_id", ForeignKey("changes.id", ondelete="CASCADE"), primary_key=True),
    Column("metric", String(60), primary_key=True),
    Column("method", String(40), primary_key=True),
    Column("label", String(200), nullable=False),
    Column("needs", String(60), nullable=False),
    Column("share", Float, nullable=False),
    Column("low", Float, nullable=False),
    Column("high", Float, nullable=False),
    Column("first_on", Date, nullable=False),
    Column("last_on", Date, nullable=False),
    Column("measured_at", UtcDateTime, nullable=False),
)
