-- Orders count wherever they were told, as on all other pages: also where a shop's server told them without a page view.
create or replace view conversion_facts as /* shard by visitor */
select
    site, person_of(site, visitor) as person, visitor, at, 'orders' as kind, '' as key, toFloat64(orders) as weight,
    revenue as amount, bot,
    0 as is_told, '' as channel, '' as source, '' as campaign, '' as term, '' as entry
from sales
union all
select
    site, person_of(site, visitor) as person, visitor, at, 'goal' as kind, toString(goal) as key,
    1. as weight, amount, bot,
    0 as is_told, '' as channel, '' as source, '' as campaign, '' as term, '' as entry
from conversions;
