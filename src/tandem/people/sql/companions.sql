-- answers: Which identifiers make up the persons of these identifiers, by what was concluded before?
-- grain: one row per identifier
-- reads: person_rows
-- The map of persons saves two passes over the table: the persons asked for, and who has left them since.
select
    node, argMax(person, version) as whose, toUInt64(argMax(is_shared, version)) as is_shared
from person_rows
where site = {site:UInt32} and person in (
    select person_of({site:UInt32}, arrayJoin({nodes:Array(UInt64)}))
)
group by node
having whose = person_of({site:UInt32}, node)
