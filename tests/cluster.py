"""Two shards inside one chDB: the engine's own distributed planner over halves of the same data.

Each "local table" is a view over the whole, cut by the shard's number; a Distributed table stands over the halves. So
any question can be asked of one node and of two shards, and must get the same answer.
"""

from tandem.base.warehouse import Warehouse

CLUSTER_CONFIG = """
<tcp_port>{port}</tcp_port>
<remote_servers><two>
  <shard><replica><host>127.0.0.1</host><port>{port}</port></replica></shard>
  <shard><replica><host>127.0.0.1</host><port>{port}</port></replica></shard>
</two></remote_servers>
"""
SHARDED = (
    "visits", "pageviews", "attention", "actions", "conversions", "vitals", "events", "visit_rows",
)  # fmt: skip
WHOLE = ("origins", "agents", "reception")


def make_shards(warehouse: Warehouse) -> None:
    """Databases `shard` (halves) and `cluster` (Distributed tables over them)."""
    warehouse.do("create database if not exists shard")
    warehouse.do("create database if not exists cluster")
    for name in SHARDED:
        final = " final" if name == "visit_rows" else ""
        half = f"select * from default.{name}{final} where cityHash64(visitor) % 2 = shardNum() - 1"
        warehouse.do(f"create or replace view shard.{name} as {half}")
        warehouse.do(
            f"create table if not exists cluster.{name} as shard.{name} "
            f"engine = Distributed('two', 'shard', '{name}', cityHash64(visitor))"
        )
    for name in WHOLE:
        warehouse.do(f"create or replace view cluster.{name} as select * from default.{name}")
