-- answers: When were visits shown the numbers of a pool, or found all of them busy?
-- grain: one row per lease, the latest first
-- reads: lease_rows
select began, seen, channel, is_overflow
from lease_rows final
where site = {site:UInt32} and pool = {pool:UInt32} and began >= {since:DateTime64(3, 'UTC')}
order by began desc, lease
limit {most:UInt32}
