-- answers: How many conversions were there, what did they bring, and what was refunded without an order beside it?
-- grain: one row
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
    select person, weight, amount
    from {facts:Identifier}
    where site = {site:UInt32} and kind = {kind:String} and key = {key:String}
      and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')} and (bot = '' or {with_bots:UInt8})
)
select round(sum(weight), 6) as conversions, sumIf(amount, weight > 0) as worth, sumIf(amount, weight = 0) as refunds
from facts
where not {is_filtered:UInt8} or person global in (select person from chosen)
