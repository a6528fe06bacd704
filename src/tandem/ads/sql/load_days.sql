-- answers: What do the rows of these loads add up to, day by day?
-- grain: one row per load, account and day
-- reads: ad_rows
select
    r.load as load, r.account as account, r.on as on, count() as rows, sum(r.impressions) as impressions,
    sum(r.clicks) as clicks, sum(r.cost) as cost, sum(r.original_cost) as original_cost,
    if(uniqExact(r.currency) = 1, min(toString(r.currency)), '') as currency,
    hex(sum(cityHash64(
        r.level, r.campaign, r.campaign_id, r.ad_group, r.ad_group_id, r.ad, r.ad_id, r.term, r.term_id, r.impressions,
        r.clicks, r.cost, r.platform_conversions
    ))) as digest
from ad_rows as r
where r.site = {site:UInt32} and r.load >= {first:UInt64} and r.load <= {last:UInt64}
group by r.load, r.account, r.on
order by r.load, r.on
