-- answers: Which of these events are stored already?
-- grain: one row per event
-- reads: events
select distinct id from events where site = {site:UInt32} and id in {ids:Array(UInt64)}
