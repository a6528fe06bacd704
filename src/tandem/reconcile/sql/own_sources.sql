-- answers: What do imported ad reports tell, by ad system, and does a CRM tell of leads and deals?
-- grain: one row per ad system, and one for a CRM
-- reads: ad_days, deals
select
    toString(system) as source, min(on) as first_on, max(on) as last_on,
    arrayFilter(name -> name != '', [if(sum(clicks) > 0, 'clicks', ''), if(sum(platform_conversions) > 0, 'conversions', '')]) as told
from ad_days
where site = {site:UInt32}
group by system
union all
select
    'crm' as source, min(toDate(at, {zone:String})) as first_on, max(toDate(at, {zone:String})) as last_on,
    ['leads', 'orders', 'revenue'] as told
from deals
where site = {site:UInt32}
having count() > 0
