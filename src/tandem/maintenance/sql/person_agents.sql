-- answers: Which user agents were used by these browsers alone?
-- grain: one row per user agent
-- reads: events
select agent
from events
where agent global in (
    select agent from events where visitor in {nodes:Array(UInt64)} and ({site:UInt32} = 0 or site = {site:UInt32})
)
group by agent
having countIf(visitor not in {nodes:Array(UInt64)} or ({site:UInt32} != 0 and site != {site:UInt32})) = 0
