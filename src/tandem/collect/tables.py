"""Tables of goals and of the daily salts that cookieless visitor ids are made with."""

from sqlalchemy import JSON, Boolean, Column, Date, ForeignKey, Integer, LargeBinary, String, Table, UniqueConstraint

from tandem.base.database import METADATA, UtcDateTime

goals = Table(
    "goals",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("site_id", ForeignKey("sites.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("match", String(300), nullable=False),
    Column("is_active", Boolean, nullable=False, server_default="1"),
    Column("made_at", UtcDateTime, nullable=False),
    Column("is_main", Boolean, nullable=False, server_default="0"),
    UniqueConstraint("site_id", "name"),
)

salts = Table(
    "salts",
    METADATA,
    Column("on", Date, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
)

rebuilds = Table(
    "healings",
    METADATA,
    Column("site_id", ForeignKey("sites.id"), primary_key=True),
    Column("made_with", String(80), nullable=False),
    Column("next_range", Integer, nullable=False),
    Column("ranges", Integer, nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime, nullable=True),
    Column("settled_goals", JSON, nullable=False, server_default="[]"),
)
