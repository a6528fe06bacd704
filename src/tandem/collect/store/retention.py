"""For how long facts and visits are kept: each row says until when, so that the engine deletes it by itself."""

from tandem.accounts.model import Site
from tandem.base.warehouse import Warehouse
from tandem.collect.model.hit import LAST_KEPT_DAY
from tandem.collect.store.common import SQL

LAST_MOMENTS = {"visit_rows": "ended", "events": "at"}
"""The tables that say until when a row is kept, and the moment from which on it is: a visit stays as long as its last
event. Events come last: where they have their days, all have."""


def expiring(warehouse: Warehouse, site: Site, days: int) -> int:
    """How many events would be deleted if this site kept them for so many days."""
    return int(warehouse.value(SQL["expiring"], site=site.id, days=days))


def is_kept_for(warehouse: Warehouse, site: Site, days: int) -> bool:
    """Whether all that is stored of this site is kept for so many days: a change that was cut off is found out here."""
    return not warehouse.value(SQL["kept_otherwise"], site=site.id, days=days, last=LAST_KEPT_DAY)


def keep_for(warehouse: Warehouse, site: Site, days: int) -> None:
    """Let all that is stored of this site be kept for so many days, from the day on which it happened.

    The engine does it by itself, also after a restart; what is too old is gone when it has done so. Whoever calls this
    holds `ctx.loading`: a batch that was made with the former days must be stored before, not after.
    """
    local, on = "_local" if warehouse.cluster else "", warehouse.on_cluster
    for table, moment in LAST_MOMENTS.items():
        until = f"toDate(least(toUInt32(toDate({moment})) + {days:d}, {LAST_KEPT_DAY}))"
        warehouse.do(
            f"alter table {table}{local}{on} update keep_until = {until} "
            f"where site = {site.id:d} and keep_until != {until}",
            mutations_sync=0,
        )


def keeping_anew(warehouse: Warehouse) -> float | None:
    """How far the engine is with giving rows another last day (0 to 1); None when it is done, on all nodes."""
    source = "clusterAllReplicas({cluster:String}, system.%s)" if warehouse.cluster else "system.%s"
    tables = [f"{table}_local" if warehouse.cluster else table for table in LAST_MOMENTS]
    params = {"tables": tables, "cluster": warehouse.cluster}
    where = "database = currentDatabase() and table in {tables:Array(String)}"
    left = warehouse.ask(
        f"select count(), sum(parts_to_do) from {source % 'mutations'} "
        f"where {where} and not is_done and command like '%UPDATE keep_until%'",
        params,
    ).rows[0]
    if not left[0]:
        return None
    parts = warehouse.ask(f"select count() from {source % 'parts'} where {where} and active", params).rows[0][0]
    return float(max(0.0, 1 - left[1] / max(parts, 1)))
