-- answers: What was claimed about these identifiers that nobody has proved?
-- grain: one row per browser and identifier
-- reads: identity_hints
-- What hangs together by now needs no hint: the map of persons says so.
select visitor, node, any(kind) as kind, argMax(sealed, at) as sealed, argMax(why, at) as why, max(at) as last_at
from identity_hints
where site = {site:UInt32} and (visitor in {nodes:Array(UInt64)} or node in {nodes:Array(UInt64)})
group by visitor, node
having person_of({site:UInt32}, visitor) != person_of({site:UInt32}, node)
order by last_at desc, visitor, node
limit 50
