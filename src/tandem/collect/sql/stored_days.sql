-- answers: How many events that were received on each day does the store hold?
-- grain: one row per day
-- reads: events
select toDate(received) as on, uniqExact(visitor, id) as count
from events
where site = {site:UInt32} and received >= toDateTime64({since:Date}, 3, 'UTC') and keep_until >= today()
group by on
