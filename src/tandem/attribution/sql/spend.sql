-- answers: What did ads cost, by the values of a split?
-- grain: one row per value
-- reads: ad_days
select {by:Identifier} as name, sum(ad_days.cost) as cost, sum(ad_days.clicks) as clicks
from ad_days
where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
group by name
