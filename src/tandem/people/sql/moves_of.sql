-- answers: When did these identifiers go from one person to another?
-- grain: one row per move
-- reads: person_moves
select node, kind, at, was, now
from person_moves
where site = {site:UInt32} and node in {nodes:Array(UInt64)}
order by at desc, node
limit 200
