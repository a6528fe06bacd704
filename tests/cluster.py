"""Two shards inside one chDB: the engine's own distributed planner over halves of the same data.

Each "local table" is a view over the whole, cut by the shard's number; a Distributed table stands over the halves. So
any question can be asked of one node and of two shards, and must get the same answer.
"""

import re

from tandem.app import SLICES
from tandem.base.warehouse import Warehouse

CLUSTER_CONFIG = """
<tcp_port>{port}</tcp_port>
<remote_servers><two>
  <shard><replica><host>127.0.0.1</host><port>{port}</port></replica></shard>
  <shard><replica><host>127.0.0.1</host><port>{port}</port></replica></shard>
</two></remote_servers>
"""
_MADE = re.compile(r"create (?:table if not exists|or replace view) (\w+)", re.I)
_DICTIONARY = re.compile(r"create (?:or replace )?dictionary (?:if not exists )?(\w+)")
_SHARD = re.compile(r"/\* shard by (.+?) \*/", re.I)
_REPLACES = re.compile(r"engine = Replacing", re.I)


def make_shards(warehouse: Warehouse) -> None:
    """Databases `shard` (halves) and `cluster` (Distributed tables over them)."""
    warehouse.do("create database if not exists shard")
    warehouse.do("create database if not exists cluster")
    for statement in (text for s in SLICES for step in s.schema() for text in step.statements):
        if dictionary := _DICTIONARY.match(statement):
            source = statement[dictionary.end() :].replace("from person_", "from default.person_")
            for name in ("shard", "cluster"):
                warehouse.do(f"create dictionary if not exists {name}.{dictionary[1]} {source}")
        if (made := _MADE.search(statement)) is None:
            continue
        name, key = made[1], _SHARD.search(statement)
        final = " final" if _REPLACES.search(statement) else ""
        if key is None:
            warehouse.do(f"create or replace view cluster.{name} as select * from default.{name}{final}")
            continue
        half = f"select * from default.{name}{final} where cityHash64({key[1]}) % 2 = shardNum() - 1"
        warehouse.do(f"create or replace view shard.{name} as {half}")
        warehouse.do(
            f"create table if not exists cluster.{name} as shard.{name} "
            f"engine = Distributed('two', 'shard', '{name}', cityHash64({key[1]}))"
        )
