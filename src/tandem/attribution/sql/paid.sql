-- answers: How many paid visits has each value of a split, and of how many is the cost known?
-- grain: one row per value
-- reads: ad_visits
select
    {by:Identifier} as name, count() as visits, countIf(ad_visits.on != toDate(0)) as reported,
    countIf(ad_visits.matched_by != '') as matched
from ad_visits
where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
group by name
