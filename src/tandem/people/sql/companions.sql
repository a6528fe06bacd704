-- answers: Which identifiers make up the persons of these identifiers, by what was concluded before?
-- grain: one row per identifier and version that gave it the person it has
-- reads: person_rows
-- The map of persons saves two passes over the table: the persons asked for, and who has left them since. To keep the newest
-- version of each is left to the asker: grouping here would take as long as reading does.
select node, person as whose, toUInt64(is_shared) as is_shared, toUInt64(kind = '') as is_gone, version
from person_rows
prewhere person in (select person_of({site:UInt32}, arrayJoin(cast({nodes:String}, 'Array(UInt64)'))))
where site = {site:UInt32} and person = person_of({site:UInt32}, node)
