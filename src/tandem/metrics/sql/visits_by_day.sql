-- answers: How many visits came on each day?
-- grain: one row per day with a visit, of people or robots
-- reads: visits
select toDate(at, {zone:String}) as on, count() as visits
from visits
where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
group by on
