-- answers: Which user agents does no event name any more?
-- grain: one row per user agent
-- reads: agents, events
select distinct agent
from agents
where agent global not in (select agent from events)
order by agent
