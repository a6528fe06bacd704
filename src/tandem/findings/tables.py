"""The table of findings."""

from sqlalchemy import JSON, Column, Date, ForeignKey, Index, Integer, String, Table, Text, text

from tandem.base.database import METADATA, UtcDateTime

STANDS = text("state in ('open', 'ignored')")

findings = Table(
    "findings",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("site_id", ForeignKey("sites.id"), nullable=False),
    Column("slice", String(20), nullable=False),
    Column("rule", String(60), nullable=False),
    Column("subject", String(600), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("side", String(12), nullable=False),
    Column("title", Text, nullable=False),
    Column("values", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("money", String(40), nullable=True),  # decimals as text: SQLite would make floats of them
    Column("address", Text, nullable=False),
    Column("needs", JSON, nullable=False),
    Column("first_on", Date, nullable=False),
    Column("last_on", Date, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("times", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("ignored_until", UtcDateTime, nullable=True),
    Column("settled_by", Integer, nullable=True),
    Column("settled_at", UtcDateTime, nullable=True),
    Column("note", Text, nullable=False),
    Index("ix_findings_site_state", "site_id", "state"),
    Index("ix_findings_rule", "site_id", "slice", "rule"),
    Index(
        "ix_findings_standing",
        "site_id",
        "slice",
        "rule",
        "subject",
        unique=True,
        sqlite_where=STANDS,
    ),  # one at a time; what was explained or fixed may come again
    # PostgreSQL's index has the same condition (migration 025): named here, every process would load its dialect.
)
