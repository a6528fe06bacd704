"""The table of the change log."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

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
    UniqueConstraint("site_id", "source", "external_id"),
    Index("ix_changes_site_at", "site_id", "at"),
)
