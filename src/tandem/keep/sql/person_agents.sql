-- answers: Which user agents were used by this visitor alone?
-- grain: one row per user agent
-- reads: events
select agent
from events
where agent global in (
    select agent from events where visitor = {visitor:UInt64} and ({site:UInt32} = 0 or site = {site:UInt32})
)
group by agent
having uniqExact(visitor, if({site:UInt32} = 0, 0, site)) = 1
