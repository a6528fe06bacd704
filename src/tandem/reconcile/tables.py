"""The tables of reconciliation: who brought which outside figures, by which rules a system counts."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, ForeignKey, Index, Integer, String, Table, false

from tandem.base.database import METADATA, UtcDateTime

outside_imports = Table(
    "outside_imports",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("site_id", ForeignKey("sites.id"), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("made_by", Integer, nullable=True),
    Column("connection_id", Integer, nullable=True),
    Column("file", String(300), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("system", String(20), nullable=False),
    Column("account", String(200), nullable=False),
    Column("split", String(20), nullable=False),
    Column("figures", JSON, nullable=False),
    Column("state", String(20), nullable=False),
    Column("place", BigInteger, nullable=False),  # order of confirmation; 0 while it does not count
    Column("rows", Integer, nullable=False),
    Column("first_on", Date, nullable=True),
    Column("last_on", Date, nullable=True),
    Column("zone", String(64), nullable=False),
    Column("attribution", String(100), nullable=False),
    Column("share", String(20), nullable=False),  # the smallest part of the data that was read; "" where all was
    Column("problems", JSON, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("confirmed_at", UtcDateTime, nullable=True),
    Column("undone_at", UtcDateTime, nullable=True),
    Index("ix_outside_imports_site_digest", "site_id", "digest"),
)

outside_rules = Table(
    "outside_rules",
    METADATA,
    Column("site_id", ForeignKey("sites.id"), primary_key=True),
    Column("source", String(240), primary_key=True),
    Column("zone", String(64), nullable=False),
    Column("bots", String(20), nullable=False),
    Column("sees_cookieless", Boolean, nullable=False),
    Column("attribution", String(20), nullable=False),
    Column("orders", String(20), nullable=False),
    Column("goals", String(20), nullable=False),
    Column("is_same", Boolean, nullable=False, server_default=false()),
    Column("goal_ids", JSON, nullable=False, server_default="[]"),
    Column("made_by", Integer, nullable=True),
    Column("made_at", UtcDateTime, nullable=False),
)
