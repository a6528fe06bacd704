-- answers: What is a call, in all of its columns?
-- grain: one row per call
-- reads: call_rows
select *
from call_rows final
where site = {site:UInt32} and call = {call:UInt64}
