-- answers: How many page views move from direct to the last source before them?
-- grain: one row per rule (is_after), day and part
-- reads: pageviews
select told.1 as is_after, toDate(t.at, {zone:String}) as on, told.2 as part, count() as pageviews
from (
    select
        at, channel,
        multiIf(
            {split:String} = 'source', concat(source, ' / ', medium),
            {split:String} = 'campaign', toString(campaign),
            transform(toString(channel), {channels:Array(String)}, {classes:Array(String)}, toString(channel))
        ) as own,
        anyLastIf((own, visit_started), channel != 'Direct') over (
            partition by visitor order by at, visit rows between unbounded preceding and 1 preceding
        ) as last,
        if(
            channel = 'Direct' and last.2 > toDateTime64(0, 3, 'UTC')
                and last.2 >= visit_started - toIntervalDay({days:UInt32}),
            last.1, own
        ) as given
    from pageviews
    where site = {site:UInt32} and visit_started >= {since:DateTime64(3, 'UTC')} - toIntervalDay({days:UInt32} + 1)
        and visit_started < {until:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
        and ({has_all_bots:UInt8} or has({bots:Array(String)}, toString(bot)))
        and ({has_cookieless:UInt8} or loyalty != 'unknown')
) as t
array join [(0, own), (1, given)] as told
where t.at >= {since:DateTime64(3, 'UTC')} and t.own != t.given
group by is_after, on, part
