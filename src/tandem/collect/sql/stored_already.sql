-- answers: Which events of these visitors are stored already, near the time of the new ones?
-- grain: one row per event
-- reads: events, stale_visits
select distinct visitor, id
from events
where site = {site:UInt32}
    and at between {since:DateTime64(3, 'UTC')} and {until:DateTime64(3, 'UTC')}
    and visitor global in (select visitor from stale_visits where batch = {batch:UInt64})
