-- answers: What do we know of these calls already?
-- grain: one row per call
-- reads: call_rows
select call, version, at, system, ref, line, caller, direction, outcome, wait_s, talk_s, operator, recording, tag
from call_rows final
where site = {site:UInt32} and call in {calls:Array(UInt64)}
