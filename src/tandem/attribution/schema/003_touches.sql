-- What attribution reads, and nothing else: who was touched when by what, and what came of it.

-- One row a visit, by person. `facets` are what filters go by.
create or replace view touches as /* shard by visitor */
select
    site, person_of(site, visitor) as person, visitor, visit, at, channel, source, medium, campaign, term, content,
    entry, loyalty, bot,
    map(
        'channel', channel, 'source', source, 'medium', medium, 'campaign', campaign, 'term', term, 'content', content,
        'click', click, 'referrer', referrer_host, 'country', country, 'city', city, 'language', language,
        'device', device, 'browser', browser, 'os', os, 'loyalty', loyalty, 'host', host, 'entry', entry, 'exit', exit
    ) as facets
from visits;

-- One row a conversion of any kind, by person: `weight` is how many it counts for, `amount` what it brought in the
-- site's currency (a refund in a visit without an order has weight 0). Another kind of conversion is one more select.
-- `is_told`: the conversion itself tells of the channel and so on, as no visit does. These happened in visits, so never here.
create or replace view conversion_facts as /* shard by visitor */
select
    site, person_of(site, visitor) as person, visitor, at, 'orders' as kind, '' as key, toFloat64(orders) as weight,
    revenue as amount, bot,
    0 as is_told, '' as channel, '' as source, '' as campaign, '' as term, '' as entry
from visits
where orders > 0 or revenue != 0
union all
select
    site, person_of(site, visitor) as person, visitor, at, 'goal' as kind, toString(goal) as key,
    1. as weight, amount, bot,
    0 as is_told, '' as channel, '' as source, '' as campaign, '' as term, '' as entry
from conversions;
