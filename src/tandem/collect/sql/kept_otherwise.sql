-- answers: How many events of a site are kept for another number of days than this?
-- grain: one row
-- reads: events
select count() as kept_otherwise
from events
where site = {site:UInt32} and keep_until >= today()
    and keep_until != toDate(least(toUInt32(toDate(at)) + {days:UInt32}, {last:UInt32}))
