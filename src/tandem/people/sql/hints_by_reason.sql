-- answers: Why were claims of late not believed?
-- grain: one row per reason
-- reads: identity_hints
select why, count() as claims, uniqExact(visitor) as browsers, max(at) as last_at
from identity_hints
where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')}
group by why
order by claims desc, why
