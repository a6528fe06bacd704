-- answers: Which referrers and tags does no event name any more?
-- grain: one row per site and origin
-- reads: events, origins
select distinct site, origin
from origins
where (site, origin) global not in (select site, origin from events)
order by site, origin
