-- answers: Which visits were shown these numbers in a span of time?
-- grain: one row per lease
-- reads: lease_rows
select lease, toString(number) as number, visitor, began, seen, tapped, channel, source, medium, campaign, term, content, entry
from lease_rows final
where site = {site:UInt32} and number in {numbers:Array(String)}
    and began >= {since:DateTime64(3, 'UTC')} and began < {until:DateTime64(3, 'UTC')} and not is_overflow
