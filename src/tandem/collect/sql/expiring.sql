-- answers: How many events that are still kept would be deleted if this site kept them for so many days?
-- grain: one row
-- reads: events
select count() as expiring
from events
where site = {site:UInt32} and keep_until >= today() and toUInt32(toDate(at)) + {days:UInt32} < toUInt32(today())
