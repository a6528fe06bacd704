"""The record store as lines of JSON, the same for SQLite and PostgreSQL, so that either is restored into the other."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, MetaData, Table, func, insert, select, text
from sqlalchemy import inspect as inspected

from tandem.base.database import METADATA, Database

BATCH = 1000
LEFT_OUT = ("salts", "sign_ins", "tries", "account_links", "outbox")
"""Salts, because what could trace a visitor back must not outlive its day; sign-ins, their tries, links and messages on
their way, because a restored server must not open or send anew what was ended since."""


def tables() -> list[Table]:
    """What goes into a backup, in an order in which it can be put back."""
    return [table for table in METADATA.sorted_tables if table.name not in LEFT_OUT]


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """A connection that sees one moment of the whole store, however long the reading takes."""
    if database.is_sqlite:  # in WAL mode a reading transaction keeps the moment in which it began
        with database.read() as connection:
            yield connection
        return
    with database.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        yield connection


def lines_of(connection: Connection, table: Table) -> Iterator[bytes]:
    """Each row as one line."""
    for row in connection.execute(select(table).order_by(*table.primary_key.columns)):
        yield json.dumps([_packed(value) for value in row], ensure_ascii=False).encode() + b"\n"


def put_back(database: Database, columns: dict[str, tuple[str, ...]], lines: Callable[[str], Iterable[bytes]]) -> None:
    """Fill the tables of a fresh store.

    columns   table -> names of its columns, as the backup has them
    lines     gives the lines of a table
    """
    with database.write() as connection:
        # The tables as they are in the store, which may be older than those this version of Tandem declares.
        meta_data = MetaData()
        meta_data.reflect(connection)
        for table in meta_data.sorted_tables:
            if table.name in columns:
                _fill(connection, table, columns[table.name], lines(table.name))
                if not database.is_sqlite:
                    _count_on(connection, table)


def is_fresh(database: Database) -> bool:
    """Whether the store holds no tables yet."""
    with database.engine.connect() as connection:
        return not inspected(connection).get_table_names()


def count(connection: Connection, name: str) -> int:
    return int(connection.execute(select(func.count()).select_from(METADATA.tables[name])).scalar_one())


def _fill(connection: Connection, table: Table, columns: tuple[str, ...], lines: Iterable[bytes]) -> None:
    rows: list[dict[str, Any]] = []
    for line in lines:
        rows.append(dict(zip(columns, map(_unpacked, json.loads(line)), strict=True)))
        if len(rows) == BATCH:
            connection.execute(insert(table), rows)
            rows = []
    if rows:
        connection.execute(insert(table), rows)


def _count_on(connection: Connection, table: Table) -> None:
    """Make PostgreSQL number new rows after those that were put back."""
    if "id" in table.c and table.c.id.autoincrement:
        highest = select(func.max(table.c.id)).scalar_subquery()
        name = func.pg_get_serial_sequence(text(f"'{table.name}'"), text("'id'"))
        connection.execute(select(func.setval(name, func.coalesce(highest, 1))))


def _packed(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"at": value.astimezone(UTC).isoformat()}
    if isinstance(value, date):
        return {"on": value.isoformat()}
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, dict | list):
        return {"json": value}
    return value


def _unpacked(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kind, content = next(iter(value.items()))
    if kind == "at":
        return datetime.fromisoformat(content)
    if kind == "on":
        return date.fromisoformat(content)
    if kind == "decimal":
        return Decimal(content)
    return bytes.fromhex(content) if kind == "hex" else content
