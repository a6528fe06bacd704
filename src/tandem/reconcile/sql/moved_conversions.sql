-- answers: How many goals reached move from direct to the last source before them?
-- grain: one row per rule (is_after), day and part
-- reads: conversions, visits
select
    told.1 as is_after, toDate(c.at, {zone:String}) as on, told.2 as part, count() as conversions,
    uniqExact((c.visit, c.goal)) as once
from conversions as c
global inner join (
    select visit, own, given
    from (
        select
            visit, at,
            multiIf(
                {split:String} = 'source', concat(source, ' / ', medium),
                {split:String} = 'campaign', toString(campaign),
                transform(toString(channel), {channels:Array(String)}, {classes:Array(String)}, toString(channel))
            ) as own,
            anyLastIf((own, at), channel != 'Direct') over (
                partition by visitor order by at, visit rows between unbounded preceding and 1 preceding
            ) as last,
            if(
                channel = 'Direct' and last.2 > toDateTime64(0, 3, 'UTC')
                    and last.2 >= at - toIntervalDay({days:UInt32}),
                last.1, own
            ) as given
        from visits
        where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({days:UInt32} + 1)
            and at < {until:DateTime64(3, 'UTC')}
            and ({has_all_bots:UInt8} or has({bots:Array(String)}, toString(bot)))
            and ({has_cookieless:UInt8} or loyalty != 'unknown')
    )
    where own != given
) as m on c.visit = m.visit
array join [(0, m.own), (1, m.given)] as told
where c.site = {site:UInt32} and c.at >= {since:DateTime64(3, 'UTC')} and c.at < {until:DateTime64(3, 'UTC')}
    and (empty({goal_ids:Array(UInt32)}) or has({goal_ids:Array(UInt32)}, c.goal))
group by is_after, on, part
