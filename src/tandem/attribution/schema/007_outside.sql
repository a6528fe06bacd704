-- Conversions that happen off the site, in the shape of `conversion_facts`. They are few and lie whole on every node, so they
-- stand apart from what is sharded: united with it in one view, a cluster would count them once a shard.
--
-- A call counts by parts for each visit that it may have come from, and for its caller where it is nobody's. A record of the
-- CRM counts at the moment it was created, as in all its figures: what it brought then stands beside what its ads cost. Where
-- no visit says where one came from, but the number that was called does (a billboard's), or the record's own fields do (UTM,
-- click id), it `is_told`: a visit that nobody saw, at that moment.
create or replace view outside_facts as
select
    site, multiIf(visitor != 0, person_of(site, visitor), caller != 0, person_of(site, caller), call) as person, visitor, at,
    'calls' as kind, '' as key, toFloat64(weight) as weight, toDecimal64(0, 4) as amount, '' as bot,
    visitor = 0 and channel != '' as is_told, toString(channel) as channel, source, campaign, term, entry
from call_credits_received
union all
select
    site, if(visitor != 0, person_of(site, visitor), person) as person, visitor, at,
    fact.1 as kind, fact.2 as key, 1. as weight, fact.3 as amount, '' as bot,
    is_told, channel, source, campaign, term, entry
from (
    select
        d.site as site, d.visitor as visitor, d.person as person, d.at as at,
        d.how in ('utm', 'click') as is_told, toString(d.channel) as channel, toString(d.source) as source,
        toString(d.campaign) as campaign, toString(d.term) as term, toString(d.entry) as entry,
        ifNull(d.amount, toDecimal64(0, 4)) - d.refunded as income,
        d.kind = 'deal' and d.stage_kind = 'won' as is_won,
        arrayConcat(
            if(d.parent = 0, [('leads', '', toDecimal64(0, 4))], []),
            if(d.parent = 0 and d.is_qualified, [('qualified', '', toDecimal64(0, 4))], []),
            if(is_won, [('won', '', income)], []),
            if(is_won and d.cost is not null, [('margin', '', income - ifNull(d.cost, toDecimal64(0, 4)))], []),
            arrayMap(stage -> ('stage', stage, toDecimal64(0, 4)), m.stages)
        ) as facts
    from deals as d
    left join (
        select site, deal, groupUniqArray(toString(stage)) as stages from deals_moved group by site, deal
    ) as m on d.site = m.site and d.deal = m.deal
)
array join facts as fact;
