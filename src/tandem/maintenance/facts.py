"""The tables of the event store as text, in parts of a size that any machine can hold."""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from tandem.base.warehouse import Step, Warehouse

ROWS_A_PART = 200_000
BLOCK = 1 << 20
LEFT_OUT = ("schema_steps", "stale_visits")
"""The steps stand in the manifest; what is stale is noted anew by each load."""
LONG = {"max_execution_time": 0}


class Stored(NamedTuple):
    """One table: its columns, the column its days are cut by ("" if none), and whether rows replace each other."""

    name: str
    columns: tuple[str, ...]
    moment: str
    replaces: bool

    @property
    def is_loaded(self) -> bool:
        """Whether its rows are hits and visits, which only the loader writes."""
        return bool(self.moment)

    @property
    def source(self) -> str:
        return f"{self.name} final" if self.replaces else self.name


class Span(NamedTuple):
    """Which rows of a table make one part."""

    where: str
    params: dict[str, Any]


def stored_tables(warehouse: Warehouse, steps: list[Step]) -> list[Stored]:
    """Every table that the schema makes, by the name it is asked for."""
    text = "\n".join(statement for step in steps for statement in step.statements)
    names = re.findall(r"create table if not exists (\w+)", text, re.I)
    return [_stored(warehouse, name) for name in names if name not in LEFT_OUT]


def _stored(warehouse: Warehouse, name: str) -> Stored:
    here = "where database = currentDatabase()"
    asked = f"select name from system.columns {here} and table = {{name:String}} order by position"
    columns = tuple(row[0] for row in warehouse.ask(asked, {"name": name}).rows)
    about = f"select engine, sorting_key from system.tables {here} and name = {{name:String}}"
    engine, key = warehouse.ask(about, {"name": name}).rows[0]
    if engine == "Distributed":
        engine, key = warehouse.ask(about, {"name": f"{name}_local"}).rows[0]
    moment = re.search(r"^site, toDate\((\w+)\), visitor", key)
    return Stored(name, columns, moment[1] if moment else "", "Replacing" in engine)


def spans_of(warehouse: Warehouse, table: Stored) -> Iterator[Span]:
    """The table cut into parts: whole days of a site where they are small, ranges of visitors where one is large."""
    if not table.moment:
        yield Span("1", {})
        return
    days = (
        f"select site, toDate({table.moment}) as day, count() from {table.name} group by site, day order by site, day"
    )
    for site, first, last, rows in _gathered(warehouse.ask(days, max_execution_time=0).rows):
        params = {"site": site, "first": first, "last": last}
        where = f"site = {{site:UInt32}} and toDate({table.moment}) between {{first:Date}} and {{last:Date}}"
        parts = -(-rows // (2 * ROWS_A_PART))
        if parts <= 1:
            yield Span(where, params)
            continue
        width = 2**64 // parts
        for i in range(parts):
            low, high = i * width, 2**64 - 1 if i == parts - 1 else (i + 1) * width - 1
            among = f"{where} and visitor between {{low:UInt64}} and {{high:UInt64}}"
            yield Span(among, params | {"low": low, "high": high})


def _gathered(days: list[tuple[Any, ...]]) -> Iterator[tuple[Any, Any, Any, int]]:
    """Neighbouring days of a site put together until they fill a part: site, first day, last day, rows."""
    part: tuple[Any, Any, Any, int] | None = None
    for site, day, rows in days:
        if part and part[0] == site and part[3] + rows <= ROWS_A_PART:
            part = (site, part[1], day, part[3] + rows)
            continue
        if part:
            yield part
        part = (site, day, day, rows)
    if part:
        yield part


def lines_of(warehouse: Warehouse, table: Stored, span: Span) -> Iterator[bytes]:
    """The rows of one part as lines of tab-separated text, block by block."""
    sql = f"select {_listed(table.columns)} from {table.source} where {span.where}"
    yield from blocks(warehouse, sql, span.params, "TabSeparated")


def blocks(warehouse: Warehouse, sql: str, params: dict[str, Any], fmt: str) -> Iterator[bytes]:
    """The answer to a question as the engine writes it, block by block, however large it is."""
    plain = {"output_format_json_escape_forward_slashes": 0} if fmt == "JSONEachRow" else {}
    stream: Any = warehouse.client.raw_stream(sql, parameters=params, fmt=fmt, settings=LONG | plain)
    try:
        while block := stream.read(BLOCK):
            yield block
    finally:
        stream.close()


def put_back(warehouse: Warehouse, name: str, columns: tuple[str, ...], lines: BinaryIO) -> None:
    """Put the lines of one part into a table, exactly as they are."""
    exactly = {"insert_deduplicate": 0, "optimize_on_insert": 0, **LONG}
    if warehouse.cluster:
        exactly["distributed_foreground_insert"] = 1
    warehouse.client.raw_insert(name, list(columns), lines, fmt="TabSeparated", settings=exactly)


def count(warehouse: Warehouse, name: str) -> int:
    return int(warehouse.value(f"select count() from {name}"))


def merging(warehouse: Warehouse, names: list[str], is_on: bool) -> None:
    """Let the engine merge and expire rows of these tables, or not: rows can be counted only while they stand still."""
    for name in names:
        _, local = local_name(warehouse, name)
        warehouse.do(f"system {'start' if is_on else 'stop'} merges{warehouse.on_cluster} {local}")


def local_name(warehouse: Warehouse, name: str) -> tuple[str, str]:
    """The name to read a table by, and that of the table on each node which holds its rows."""
    if not warehouse.cluster:
        return name, name
    query = "select count() from system.tables where database = currentDatabase() and name = {name:String}"
    return name, f"{name}_local" if warehouse.value(query, name=f"{name}_local") else name


def is_fresh(warehouse: Warehouse) -> bool:
    """Whether the store holds no tables yet."""
    return not warehouse.value("select count() from system.tables where database = currentDatabase()")


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in columns)
