-- answers: Which person is each identifier of a site, by what was concluded before?
-- grain: one row per identifier
-- reads: person_rows
select
    node, argMax(person, version) as whose, toUInt64(argMax(is_shared, version)) as is_shared,
    toUInt64(argMax(kind, version) = '') as is_gone
from person_rows
where site = {site:UInt32}
group by node
