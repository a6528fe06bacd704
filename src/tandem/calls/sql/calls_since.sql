-- answers: Which calls came since then?
-- grain: one row per incoming call
-- reads: call_rows
select call
from call_rows final
where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and direction = 'in'
order by at, call
