-- answers: How many days did records of complete cohorts take from their creation to the sale?
-- grain: one row per sale, 100,000 at most, any of them and not the fastest
-- reads: deals
select greatest(0, dateDiff('second', at, won_at)) / 86400 as days
from deals
where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
  and kind = 'deal' and stage_kind = 'won' and won_at > toDateTime64(0, 3, 'UTC')
order by cityHash64(at)
limit 100000
