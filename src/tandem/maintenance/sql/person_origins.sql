-- answers: Which referrers and tags were brought by these browsers alone?
-- grain: one row per origin
-- reads: events
select site, origin
from events
where origin != 0 and (site, origin) global in (
    select site, origin from events where visitor in {nodes:Array(UInt64)} and ({site:UInt32} = 0 or site = {site:UInt32})
)
group by site, origin
having countIf(visitor not in {nodes:Array(UInt64)}) = 0
