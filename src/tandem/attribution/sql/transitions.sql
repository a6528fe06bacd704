-- answers: How do people go on from touch to touch, whether they convert or not, until they do nothing more?
-- grain: one row per state (the last touches, latest first, as many as the order) and the touch after it; 0 is no touch
-- reads: touches
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
-- A touch is one number, which sorts fast and by time: its moment above, the number of its value in the lower 24 bits.
people as (
    select
        person,
        arraySort(groupArray(
            bitShiftLeft(toUInt64(date_diff('ms', {since:DateTime64(3, 'UTC')} - toIntervalDay({window:UInt32}), at)), 24)
            + transform(
                cityHash64({by:Identifier}), {codes:Array(UInt64)},
                arrayMap(i -> toUInt32(i), arrayEnumerate({codes:Array(UInt64)})), toUInt32(0)
            )
        )) as touches_in_turn
    from touches
    where site = {site:UInt32} and (bot = '' or {with_bots:UInt8})
      and at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({window:UInt32}) and at < {until:DateTime64(3, 'UTC')}
      and (not {is_filtered:UInt8} or person global in (select person from chosen))
    group by person
),
ways as (
    select
        bitShiftRight(touches_in_turn[-1], 24) as last_touch,
        bitShiftLeft(last_touch - {window:UInt32} * 86400000, 24) as earliest,
        arrayMap(t -> toUInt32(bitAnd(t, 0xFFFFFF)), arrayFilter(t -> t >= earliest, touches_in_turn)) as way
    from people
    where last_touch >= {window:UInt32} * 86400000
)
-- What the order does not look back to is a constant 0: grouping by it costs nothing.
select first_back, if({order:UInt8} > 1, back2, toUInt32(0)) as second_back,
       if({order:UInt8} > 2, back3, toUInt32(0)) as third_back, onto, count() as weight
from ways
array join
    arrayPushFront(way, toUInt32(0)) as first_back,
    arrayResize(if({order:UInt8} > 1, arrayConcat([toUInt32(0), 0], way), []), length(way) + 1) as back2,
    arrayResize(if({order:UInt8} > 2, arrayConcat([toUInt32(0), 0, 0], way), []), length(way) + 1) as back3,
    arrayPushBack(way, toUInt32(0)) as onto
group by first_back, second_back, third_back, onto
