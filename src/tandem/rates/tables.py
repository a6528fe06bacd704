"""The table of exchange rates."""

from sqlalchemy import Column, Date, String, Table

from tandem.base.database import METADATA

exchange_rates = Table(
    "exchange_rates",
    METADATA,
    Column("source", String(20), primary_key=True),
    Column("currency", String(3), primary_key=True),
    Column("on", Date, primary_key=True),
    Column("per_eur", String(50), nullable=False),  # a decimal as text: SQLite would make a float of it
)
