"""Tables of number pools, their numbers, which visit has which number now, and imports of calls from files."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    String,
    Table,
    UniqueConstraint,
)

from tandem.base.database import METADATA, UtcDateTime
from tandem.imports.store.records import table_of_imports

call_imports = table_of_imports("call_imports")

pools = Table(
    "number_pools",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("site_id", ForeignKey("sites.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("channels", JSON, nullable=False),
    Column("sources", JSON, nullable=False),
    Column("swaps", JSON, nullable=False),
    Column("reveal", String(10), nullable=False),
    Column("hold_s", Integer, nullable=False),
    Column("overflow", String(20), nullable=False),
    Column("price", Numeric(12, 2), nullable=True),
    Column("is_on", Boolean, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
)

numbers = Table(
    "numbers",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("site_id", ForeignKey("sites.id"), nullable=False),
    Column("pool_id", ForeignKey("number_pools.id"), nullable=True),
    Column("number", String(20), nullable=False),
    Column("label", String(200), nullable=False),
    Column("channel", String(60), nullable=False),
    Column("source", String(200), nullable=False),
    Column("campaign", String(200), nullable=False),
    Column("is_on", Boolean, nullable=False),
    Column("used_ms", BigInteger, nullable=False),
    UniqueConstraint("site_id", "number"),
    Index("ix_numbers_pool_used", "pool_id", "used_ms"),
)

leases = Table(
    "number_leases",
    METADATA,
    # SQLite numbers rows by itself only when their key is called INTEGER.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("site_id", ForeignKey("sites.id"), nullable=False),
    Column("pool_id", Integer, nullable=False),
    Column("number", String(20), nullable=False),
    Column("visitor", String(16), nullable=False),
    Column("began_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("tapped_ms", BigInteger, nullable=False),
    Column("channel", String(60), nullable=False),
    Column("source", String(300), nullable=False),
    Column("medium", String(300), nullable=False),
    Column("campaign", String(300), nullable=False),
    Column("term", String(300), nullable=False),
    Column("content", String(300), nullable=False),
    Column("entry", String(2000), nullable=False),
    Column("is_overflow", Boolean, nullable=False),
    Column("sender", String(16), nullable=False, server_default=""),
    Index("ix_number_leases_sender", "site_id", "sender", "seen_ms"),
    Index("ix_number_leases_visitor", "site_id", "visitor", "seen_ms"),
    Index("ix_number_leases_seen", "seen_ms"),
)
