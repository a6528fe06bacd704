-- answers: Which campaigns cost money on days on which no visit of them came?
-- grain: one row per ad system and campaign
-- reads: ad_matches
select
    system, campaign, campaign_id, sum(m.cost) as cost, sum(m.clicks) as clicks, uniqExact(m.on) as days
from ad_matches as m
where m.site = {site:UInt32} and m.at >= {since:DateTime64(3, 'UTC')} and m.at < {until:DateTime64(3, 'UTC')}
    and not m.is_matched
group by system, campaign, campaign_id
having cost != 0
order by cost desc, campaign
limit 200
