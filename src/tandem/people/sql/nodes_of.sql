-- answers: Which identifiers make up these persons?
-- grain: one row per identifier
-- reads: person_rows
select
    node, toUInt64(indexOf({kinds:Array(String)}, argMax(kind, version))) as nth_kind, argMax(person, version) as whose,
    toUInt64(argMax(is_shared, version)) as is_shared
from person_rows
where site = {site:UInt32} and node in (
    select node from person_rows where site = {site:UInt32} and person in {persons:Array(UInt64)}
)
group by node
having whose in {persons:Array(UInt64)}
