-- answers: What did those people do who converted: all their touches and conversions?
-- grain: one row per conversion, with the value that itself tells of (0: none), or touch (weight 0) of a person
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
    select person, at, weight, toFloat64(amount) as worth, is_told, {by:Identifier} as value
    from {facts:Identifier}
    where site = {site:UInt32} and kind = {kind:String} and key = {key:String} and weight > 0
      and at < {until:DateTime64(3, 'UTC')} and (bot = '' or {with_bots:UInt8})
      and (not {is_filtered:UInt8} or person global in (select person from chosen))
)
select person, toUnixTimestamp64Milli(at) as moment,
       if(is_told, transform(
           cityHash64(value), {codes:Array(UInt64)},
           arrayMap(i -> toUInt32(i), arrayEnumerate({codes:Array(UInt64)})), toUInt32(0)
       ), 0) as value, 0 as is_direct, weight, worth
from facts
union all
select person, toUnixTimestamp64Milli(at),
       transform(
           cityHash64({by:Identifier}), {codes:Array(UInt64)},
           arrayMap(i -> toUInt32(i), arrayEnumerate({codes:Array(UInt64)})), toUInt32(0)
       ), channel = 'Direct', 0., 0.
from touches
where site = {site:UInt32} and (bot = '' or {with_bots:UInt8})
  and at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({window:UInt32}) and at < {until:DateTime64(3, 'UTC')}
  and person global in (
      select person from facts where at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({window:UInt32})
  )
