"""Paths that earlier versions stored as they were sent: each gets its normal form where it lies."""

from collections.abc import Mapping

from tandem.base.paths import normal_path
from tandem.base.warehouse import Warehouse

AT_ONCE = 10_000
"""Paths that one statement gives their normal form: it reads the column once, its text is kept in a file."""
ODD = r"[^A-Za-z0-9._~!$&''()*+,;=:@/-]|/\\."


def respell(warehouse: Warehouse, table: str, column: str, is_sharded: bool = False, site: int = 0) -> int:
    """Give the paths in this column their normal form; returns how many were written otherwise. Safe to repeat.

    site   only what is stored of this site; 0: of all
    """
    last, found = "", 0
    while paths := _odd_paths(warehouse, table, column, last, site):
        last = paths[-1]
        changed = {path: normal for path in paths if (normal := normal_path(path)) != path}
        if changed:
            _write(warehouse, table, column, changed, is_sharded, site)
        found += len(changed)
    return found


def _odd_paths(warehouse: Warehouse, table: str, column: str, after: str, site: int) -> list[str]:
    """The next paths that may have another form, in the engine's order of bytes."""
    question = (
        f"select distinct {column} from {table} where ({{site:UInt32}} = 0 or site = {{site:UInt32}}) "
        f"and {column} > {{after:String}} and match({column}, '{ODD}') order by {column} limit {AT_ONCE}"
    )
    rows = warehouse.ask(question, {"site": site, "after": after}, max_execution_time=0).rows
    return [row[0] for row in rows]


def _write(
    warehouse: Warehouse, table: str, column: str, changed: Mapping[str, str], is_sharded: bool, site: int
) -> None:
    local = "_local" if warehouse.cluster and is_sharded else ""
    on = f" on cluster '{warehouse.cluster}'" if warehouse.cluster else ""
    written, normal = (f"[{', '.join(map(_quoted, texts))}]" for texts in (changed, changed.values()))
    warehouse.do(
        f"alter table {table}{local}{on} update {column} = transform({column}, {written}, {normal}, {column}) "
        f"where ({site:d} = 0 or site = {site:d}) and {column} in {written}",
        mutations_sync=2,
        max_query_size=1 << 30,
    )


def _quoted(text: str) -> str:
    # The engine keeps a mutation as text and reads it again, also on other nodes: values stand in it and are not bound.
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
