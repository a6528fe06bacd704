-- answers: How many goals reached move from direct to the last source before them?
-- grain: one row per rule (is_after), day and part
-- reads: conversions, visits
--
-- Goals are reached also where a server told of them without a page view, in visits that `visits` does not hold: those
-- stand among them here, but are no source for others.
select
    told.1 as is_after, toDate(c.at, {zone:String}) as on, told.2 as part, count() as conversions,
    uniqExact((c.visit, c.goal)) as once
from conversions as c
global inner join (
    select visit, own, given
    from (
        select
            visit, at, has_pages,
            multiIf(
                {split:String} = 'source', concat(source, ' / ', medium),
                {split:String} = 'campaign', toString(campaign),
                transform(toString(channel), {channels:Array(String)}, {classes:Array(String)}, toString(channel))
            ) as own,
            anyLastIf((own, at), has_pages and channel != 'Direct') over (
                partition by visitor order by at, visit rows between unbounded preceding and 1 preceding
            ) as last,
            if(
                channel in ('Direct', 'No visit') and last.2 > toDateTime64(0, 3, 'UTC')
                    and last.2 >= at - toIntervalDay({days:UInt32}),
                last.1, own
            ) as given
        from (
            select 1 as has_pages, visit, visitor, at, channel, source, medium, campaign, bot, loyalty
            from visits
            where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({days:UInt32} + 1)
                and at < {until:DateTime64(3, 'UTC')}
            union all
            select 0, visit, any(visitor), any(visit_started), any(channel), any(source), any(medium), any(campaign),
                any(bot), any(loyalty)
            from conversions
            where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
                and entry = ''
            group by visit
        )
        where ({has_all_bots:UInt8} or has({bots:Array(String)}, toString(bot)))
            and ({has_cookieless:UInt8} or loyalty != 'unknown')
    )
    where own != given
) as m on c.visit = m.visit
array join [(0, m.own), (1, m.given)] as told
where c.site = {site:UInt32} and c.at >= {since:DateTime64(3, 'UTC')} and c.at < {until:DateTime64(3, 'UTC')}
    and (empty({goal_ids:Array(UInt32)}) or has({goal_ids:Array(UInt32)}, c.goal))
group by is_after, on, part
