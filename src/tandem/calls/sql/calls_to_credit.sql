-- answers: When did these calls come, on which number, from whom?
-- grain: one row per incoming call
-- reads: call_rows
select call, at, system, ref, line, caller, outcome
from call_rows final
where site = {site:UInt32} and call in {calls:Array(UInt64)} and direction = 'in'
order by at, call
