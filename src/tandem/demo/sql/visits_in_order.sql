-- answers: Who came when and from where, in the order of time?
-- grain: one row per visit
-- reads: visits
select visitor, at, ended, channel, source, medium, campaign, term, content, entry, toUInt8(device = 'mobile') as is_mobile
from visits
where site = {site:UInt32} and bot = ''
order by at, visitor
