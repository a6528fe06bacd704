-- answers: Whose money is it that these conversions brought, and that the orders of the same days brought on the site?
-- grain: one row: of people with such conversions alone, with orders alone, and with both
-- reads: touches, conversion_facts, outside_facts
with
-- Filters choose persons by all of their visits (schema/009_filters.sql).
chosen as (
    select person
    from touches
    where {is_filtered:UInt8} and site = {site:UInt32} and (bot = '' or {with_bots:UInt8})
      and at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({window:UInt32}) and at < {until:DateTime64(3, 'UTC')}
    group by person
    having meets_all(facets, {filters:Array(Tuple(String, String, Array(String)))})
),
facts as (
    select person, amount as credited, toDecimal64(0, 4) as ordered, 1 as is_credited
    from {facts:Identifier}
    where site = {site:UInt32} and kind = {kind:String} and key = {key:String} and weight > 0
      and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')} and (bot = '' or {with_bots:UInt8})
    union all
    select person, toDecimal64(0, 4), amount, 0
    from conversion_facts
    where site = {site:UInt32} and kind = 'orders'
      and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')} and (bot = '' or {with_bots:UInt8})
),
people as (
    select
        person, sum(credited) as credited, sum(ordered) as ordered,
        max(is_credited) as has_credit, min(is_credited) = 0 as has_order
    from facts
    where not {is_filtered:UInt8} or person global in (select person from chosen)
    group by person
)
select
    sumIf(credited, not has_order) as credited_alone, sumIf(ordered, not has_credit) as ordered_alone,
    sumIf(credited, has_credit and has_order) as credited_of_both,
    sumIf(ordered, has_credit and has_order) as ordered_of_both
from people
