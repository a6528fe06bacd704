-- answers: How many goals did visits reach that an ad system paid for?
-- grain: one row per day, channel, source, medium and campaign
-- reads: ad_visits, conversions
select
    toDate(at, {zone:String}) as on, toString(channel) as channel, source, toString(medium) as medium,
    toString(campaign) as campaign, sum(if(empty({goal_ids:Array(UInt32)}), conversions, meant)) as conversions
from ad_visits as v
global left join (
    select visit, count() as meant
    from conversions
    where site = {site:UInt32} and has({goal_ids:Array(UInt32)}, goal)
        and visit_started >= {since:DateTime64(3, 'UTC')} and visit_started < {until:DateTime64(3, 'UTC')}
    group by visit
) as g on v.visit = g.visit
where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
    and system = {system:String}
group by on, channel, source, medium, campaign
