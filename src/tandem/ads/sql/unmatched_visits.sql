-- answers: Which paid visits have no cost, or only that of their ad system as a whole, and what do their links say?
-- grain: one row per ad system, source, medium, campaign of the link, and way of matching
-- reads: ad_visits
select
    system, source, toString(medium) as medium, tag, matched_by, count() as visits
from ad_visits
where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
    and matched_by in ('', 'click')
group by system, source, medium, tag, matched_by
order by visits desc, tag
limit 200
