"""Tables of what a person set for a connection, of the records that its CRM told of, as they came, and of imports."""

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table

from tandem.base.database import METADATA, UtcDateTime
from tandem.imports.store.records import table_of_imports

mappings = Table(
    "crm_mappings",
    METADATA,
    Column("connection_id", ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True),
    Column("fields", JSON, nullable=False),
    Column("stages", JSON, nullable=False),
    Column("names", JSON, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("applied", Integer, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("made_by", ForeignKey("people.id"), nullable=True),
)

records = Table(
    "crm_records",
    METADATA,
    Column("connection_id", ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("ref", String(300), primary_key=True),
    Column("updated", BigInteger, nullable=False),
    Column("node", String(16), nullable=False),
    Column("visitor", String(16), nullable=False),
    Column("phone", String(16), nullable=False),
    Column("email", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

file_words = Table(
    "crm_file_words",
    METADATA,
    Column("site_id", ForeignKey("sites.id"), primary_key=True),
    Column("stages", JSON, nullable=False),
    Column("currencies", JSON, nullable=False),
    Column("revision", Integer, nullable=False),
)

deal_imports = table_of_imports("deal_imports")
