-- answers: Which of these events are stored already, which of them has a server sent, of whom and when?
-- grain: one row per event, side and visitor
-- reads: events
select id, has(marks, 'api') as is_servers, visitor, min(at) as first_at
from events
where site = {site:UInt32} and id in {ids:Array(UInt64)}
group by id, is_servers, visitor
