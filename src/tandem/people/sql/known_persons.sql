-- answers: Which person is each of these identifiers, by what was concluded before?
-- grain: one row per identifier that was concluded on before
-- reads: person_rows
select node, argMax(person, version) as whose
from person_rows
where site = {site:UInt32} and node in {nodes:Array(UInt64)}
group by node
