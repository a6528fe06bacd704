"""The tables of ad imports: who brought which file, what it holds day by day, and what was wrong with it."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, ForeignKey, Index, Integer, String, Table

from tandem.base.database import METADATA, UtcDateTime

ad_imports = Table(
    "ad_imports",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("site_id", ForeignKey("sites.id"), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("made_by", Integer, nullable=True),
    Column("connection_id", Integer, nullable=True),
    Column("file", String(300), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("system", String(20), nullable=False),
    Column("level", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("problems", JSON, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("is_forced", Boolean, nullable=False),
    Column("place", BigInteger, nullable=False),  # order of confirmation; 0 while it does not count
    Column("confirmed_at", UtcDateTime, nullable=True),
    Column("undone_at", UtcDateTime, nullable=True),
    Index("ix_ad_imports_site_digest", "site_id", "digest"),
)

ad_import_days = Table(
    "ad_import_days",
    METADATA,
    Column("import_id", ForeignKey("ad_imports.id"), primary_key=True),
    Column("account", String(200), primary_key=True),
    Column("on", Date, primary_key=True),
    Column("load", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("impressions", BigInteger, nullable=False),
    Column("clicks", BigInteger, nullable=False),
    Column("cost", String(40), nullable=False),  # decimals as text: SQLite would make floats of them
    Column("original_cost", String(40), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("digest", String(32), nullable=False),
    Index("ix_ad_import_days_on", "on"),
)
