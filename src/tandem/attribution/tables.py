"""The table of kept reports."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table

from tandem.base.database import METADATA, UtcDateTime

reports = Table(
    "reports",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("site_id", ForeignKey("sites.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("made_by", ForeignKey("people.id"), nullable=True),
    Column("made_at", UtcDateTime, nullable=False),
    Column("definition", JSON, nullable=False),
    Column("result", JSON, nullable=False),
    Index("ix_reports_site_made", "site_id", "made_at"),
)
