-- answers: In which months were there conversions and visits, and are these the same as at another time?
-- grain: one row per month with visits or conversions; a state is the same while all of its month is
-- reads: touches, conversion_facts
select month, sumWithOverflow(state) as state
from (
    select
        toStartOfMonth(at, 'UTC') as month,
        sumWithOverflow(cityHash64('conversion', person, at, weight, amount)) as state
    from conversion_facts
    where site = {site:UInt32} and kind = {kind:String} and key = {key:String} and weight > 0 and bot = ''
    group by month
    union all
    select toStartOfMonth(at, 'UTC') as month, sumWithOverflow(cityHash64(person, at, channel)) as state
    from touches
    where site = {site:UInt32} and bot = ''
    group by month
)
group by month
order by month
