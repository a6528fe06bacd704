-- answers: What do the squares of visits' revenue add up to, from which the error of a sampled sum follows?
-- grain: one row per day, channel, source, medium and campaign
-- reads: sales
select
    toDate(at, {zone:String}) as on, toString(channel) as channel, source, toString(medium) as medium,
    toString(campaign) as campaign, sum(toDecimal128(revenue, 4) * toDecimal128(revenue, 4)) as sum_of_squares
from sales
where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')} and bot = ''
    and revenue != 0
group by on, channel, source, medium, campaign
