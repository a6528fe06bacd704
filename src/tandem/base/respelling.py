"""Paths that earlier versions stored as they were sent: each gets its normal form where it lies.

The engine keeps the text of every mutation, and each part of a table reads it again. So no path stands in it: a helper
table says what becomes of which path, and is there for as long as the mutation needs it.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from tandem.base.paths import normal_path
from tandem.base.warehouse import Warehouse, for_layout

AT_ONCE, BYTES_AT_ONCE = 5_000, 4 << 20
"""What one mutation gives its normal form: it reads the column once, and has these texts in memory for each part."""
RETRIED_AFTER_S = 60.0
ODD = r"[^A-Za-z0-9._~!$&''()*+,;=:@/-]|/\\."


def respell(warehouse: Warehouse, table: str, column: str, is_sharded: bool = False, site: int = 0) -> int:
    """Give the paths in this column their normal form; returns how many were written otherwise. Safe to repeat.

    site   only what is stored of this site; 0: of all
    """
    last, found = "", 0
    try:
        while paths := _odd_paths(warehouse, table, column, last, site):
            last = paths[-1]
            changed = {path: normal for path in paths if (normal := normal_path(path)) != path}
            if changed:
                _write(warehouse, table, column, changed, is_sharded, site)
            found += len(changed)
    finally:
        _clear(warehouse, table)
    return found


def until_done(act: Callable[[], Any]) -> Callable[[], None]:
    """The work of a job that is tried again until it has been done once."""
    left = [act]

    def run() -> None:
        if left:
            left[0]()
            left.clear()

    return run


def _odd_paths(warehouse: Warehouse, table: str, column: str, after: str, site: int) -> Sequence[str]:
    """The next paths that may have another form, in the engine's order of bytes."""
    question = (
        f"select distinct {column} from {table} where ({{site:UInt32}} = 0 or site = {{site:UInt32}}) "
        f"and {column} > {{after:String}} and match({column}, '{ODD}') order by {column} limit {AT_ONCE}"
    )
    rows = warehouse.ask(question, {"site": site, "after": after}, max_execution_time=0).rows
    paths = [row[0] for row in rows]
    sizes = accumulate(len(path.encode("utf-8", "replace")) for path in paths)
    return paths[: max(1, sum(size <= BYTES_AT_ONCE for size in sizes))]


def _write(
    warehouse: Warehouse, table: str, column: str, changed: Mapping[str, str], is_sharded: bool, site: int
) -> None:
    local = "_local" if warehouse.cluster and is_sharded else ""
    helper, on = _helper(table), warehouse.on_cluster
    _clear(warehouse, table)
    columns = "(written String, normal String) engine = MergeTree order by written"
    for statement in for_layout(f"create table if not exists {helper} {columns}", warehouse.cluster):
        warehouse.do(statement)
    warehouse.insert(helper, {"written": list(changed), "normal": list(changed.values())})
    if on:  # each node has to have it before it begins
        warehouse.do(f"system sync replica{on} {helper}")
    written = f"(select arraySort(groupArray(written)) from {helper})"
    normal = f"(select arraySort((n, w) -> w, groupArray(normal), groupArray(written)) from {helper})"
    warehouse.do(
        f"alter table {table}{local}{on} update {column} = transform({column}, {written}, {normal}, {column}) "
        f"where ({site:d} = 0 or site = {site:d}) and {column} in (select written from {helper})",
        mutations_sync=2,
        # TRAP: a cluster's engine refuses a mutation that asks another table, unless it is told to allow it.
        allow_nondeterministic_mutations=1,
    )


def _clear(warehouse: Warehouse, table: str) -> None:
    """Take the helper table away, and before it what a try that failed or was killed has left to do.

    A mutation without the table that it asks would fail for ever, and hold up all that come after it.
    """
    helper, on = _helper(table), warehouse.on_cluster
    unfinished = f"database = currentDatabase() and not is_done and position(command, '{helper}') > 0"
    warehouse.do(f"kill mutation{on} where {unfinished} sync")
    warehouse.do(f"drop table if exists {helper}{on} sync")


def _helper(table: str) -> str:
    return f"respelt_{table}"
