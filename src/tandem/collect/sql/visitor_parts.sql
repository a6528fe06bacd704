-- answers: Into which parts does a range of visitors fall, if each is to hold about so many bytes of events and no more?
-- grain: one row per part
-- reads: events
select min(visitor) as first, max(visitor) as last
from (
    select visitor, sum(size) over (order by visitor rows unbounded preceding) as running
    from (
        select visitor, sum(byteSize(name, path, query, referrer, props)) as size
        from events
        where site = {site:UInt32} and visitor between {first:UInt64} and {last:UInt64}
        group by visitor
    )
)
group by intDiv(running, {together:UInt64})
order by first
