-- answers: What do parts count by the visits' own source, and what when direct visits count to the last source before them?
-- grain: one row per rule (is_after), day and part
-- reads: visits
--
-- `classes` are the names that the other system gives to our `channels`.
select
    told.1 as is_after, toDate(t.at, {zone:String}) as on, told.2 as part, uniqExact(t.visitor) as users,
    count() as sessions, sum(t.orders) as orders, sum(t.revenue) as revenue
from (
    select
        at, visitor, orders, revenue,
        multiIf(
            {split:String} = 'source', concat(source, ' / ', medium),
            {split:String} = 'campaign', toString(campaign),
            transform(toString(channel), {channels:Array(String)}, {classes:Array(String)}, toString(channel))
        ) as own,
        anyLastIf((own, at), channel != 'Direct') over (
            partition by visitor order by at, visit rows between unbounded preceding and 1 preceding
        ) as last,
        if(
            channel = 'Direct' and last.2 > toDateTime64(0, 3, 'UTC') and last.2 >= at - toIntervalDay({days:UInt32}),
            last.1, own
        ) as given
    from visits
    where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({days:UInt32})
        and at < {until:DateTime64(3, 'UTC')}
        and ({has_all_bots:UInt8} or has({bots:Array(String)}, toString(bot)))
        and ({has_cookieless:UInt8} or loyalty != 'unknown')
) as t
array join [(0, own), (1, given)] as told
where t.at >= {since:DateTime64(3, 'UTC')}
group by is_after, on, part
