-- answers: What does the store hold of one person, on which sites and days?
-- grain: one row per site and day of reception
-- reads: events
select site, toDate(received) as on, uniqExact(id) as events
from events
where visitor in {nodes:Array(UInt64)} and ({site:UInt32} = 0 or site = {site:UInt32})
group by site, on
order by site, on
