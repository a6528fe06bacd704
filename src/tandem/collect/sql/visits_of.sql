-- answers: What did these browsers do on the site, the latest visits first?
-- grain: one row per visit
-- reads: visits
select at, channel, source, campaign, term, entry, exit, pageviews
from visits
where site = {site:UInt32} and visitor in {visitors:Array(UInt64)}
order by at desc, visit
limit 500
