-- answers: How did these calls stand before an import?
-- grain: one row per call
-- reads: call_befores
select *
from call_befores final
where site = {site:UInt32} and import = {import:UInt32} and call in {calls:Array(UInt64)}
