-- answers: To which channel, source and medium did the rules put the visits of each campaign, mostly?
-- grain: one row per ad system and campaign, as named in links
-- reads: ad_touches
select
    system, campaign_key, argMax(origin.1, (visits, origin)) as channel, argMax(origin.2, (visits, origin)) as source,
    argMax(origin.3, (visits, origin)) as medium
from (
    select system, campaign_key, (toString(channel), source, toString(medium)) as origin, count() as visits
    from ad_touches
    where site = {site:UInt32}
    group by system, campaign_key, origin
)
where campaign_key != ''
group by system, campaign_key
