-- answers: What was the latest page view of a human, or of a robot, since a moment, and who made it?
-- grain: at most one row
-- reads: pageviews
select at, host, page, browser, os, device, country, city, channel, source, bot_name
from pageviews
where site = {site:UInt32} and visit_started >= {since:DateTime64(3, 'UTC')} - interval 1 day and at >= {since:DateTime64(3, 'UTC')}
    and (bot != '') = {is_robot:UInt8}
order by at desc, visit, page
limit 1
