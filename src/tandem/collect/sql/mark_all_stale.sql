-- answers: Which visitors of this range are to have all their visits derived again?
-- grain: one row per visitor
-- reads: events
insert into stale_visits (batch, visitor, since, chain_started)
select {batch:UInt64}, visitor, min(at), toDateTime64('2200-01-01 00:00:00', 3, 'UTC')  -- no chain began before that
from events
where site = {site:UInt32} and visitor between {first:UInt64} and {last:UInt64}
group by visitor
