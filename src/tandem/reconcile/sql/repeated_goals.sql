-- answers: How many goals were reached again in a visit that had reached them already, as a reloaded page does?
-- grain: one row per day, channel, source, medium and campaign
-- reads: conversions
select
    toDate(at, {zone:String}) as on, channel, source, medium, campaign, count() as conversions
from (
    select
        at, toString(channel) as channel, source, toString(medium) as medium, toString(campaign) as campaign,
        row_number() over (partition by visit, goal order by at) as nth
    from conversions
    where site = {site:UInt32} and visit_started >= {since:DateTime64(3, 'UTC')} - toIntervalDay(1)
        and visit_started < {until:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
        and (empty({goal_ids:Array(UInt32)}) or has({goal_ids:Array(UInt32)}, goal))
        and ({has_all_bots:UInt8} or has({bots:Array(String)}, toString(bot)))
        and ({has_cookieless:UInt8} or loyalty != 'unknown')
)
where nth > 1 and at >= {since:DateTime64(3, 'UTC')}
group by on, channel, source, medium, campaign
