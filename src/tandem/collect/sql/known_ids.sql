-- answers: Which of these events are stored already, and which of them has a server sent?
-- grain: one row per event and side
-- reads: events
select distinct id, has(marks, 'api') as is_servers from events where site = {site:UInt32} and id in {ids:Array(UInt64)}
