-- answers: What do parts count by the visits' own source, and what when direct visits count to the last source before them?
-- grain: one row per rule (is_after), day and part
-- reads: visits, sales
--
-- Money counts wherever it was told, so it stands in rows of its own beside those of visits with pages.
-- `classes` are the names that the other system gives to our `channels`.
select
    told.1 as is_after, toDate(t.at, {zone:String}) as on, told.2 as part, uniqExactIf(t.visitor, t.has_pages) as users,
    sum(t.has_pages) as sessions, sum(t.orders) as orders, sum(t.revenue) as revenue
from (
    select
        at, visitor, has_pages, orders, revenue,
        multiIf(
            {split:String} = 'source', concat(source, ' / ', medium),
            {split:String} = 'campaign', toString(campaign),
            transform(toString(channel), {channels:Array(String)}, {classes:Array(String)}, toString(channel))
        ) as own,
        anyLastIf((own, at), has_pages and channel != 'Direct') over (
            partition by visitor order by at, visit rows between unbounded preceding and 1 preceding
        ) as last,
        if(
            channel in ('Direct', 'No visit') and last.2 > toDateTime64(0, 3, 'UTC') and last.2 >= at - toIntervalDay({days:UInt32}),
            last.1, own
        ) as given
    from (
        select 1 as has_pages, at, visit, visitor, channel, source, medium, campaign, bot, loyalty,
            0 as orders, 0 as revenue
        from visits
        where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({days:UInt32})
            and at < {until:DateTime64(3, 'UTC')}
        union all
        select 0, at, visit, visitor, channel, source, medium, campaign, bot, loyalty, orders, revenue
        from sales
        where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
    )
    where ({has_all_bots:UInt8} or has({bots:Array(String)}, toString(bot)))
        and ({has_cookieless:UInt8} or loyalty != 'unknown')
) as t
array join [(0, own), (1, given)] as told
where t.at >= {since:DateTime64(3, 'UTC')}
group by is_after, on, part
