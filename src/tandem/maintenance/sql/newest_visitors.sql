-- answers: Whose events came in just before or while a backup was made, and when did the first of them happen?
-- grain: one row per visitor
-- reads: events
select visitor, min(at) as first_at
from events
where site = {site:UInt32} and received >= {since:DateTime64(3, 'UTC')}
group by visitor
