-- answers: How did the journeys of those go on, step by step, who did not convert at all?
-- grain: one row per state (the last touches, latest first, as many as the order) and the touch after it; 0 is no touch
-- reads: touches, conversion_facts, outside_facts
with
-- Filters choose persons: each asks for a visit that meets it, or, when it says "not", for none that does.
chosen as (
    select person
    from touches
    where {is_filtered:UInt8} and site = {site:UInt32} and (bot = '' or {with_bots:UInt8})
      and at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({window:UInt32}) and at < {until:DateTime64(3, 'UTC')}
    group by person
    having arrayAll(
        (is_met, f) -> is_met = (f.2 in ('is', 'contains')),
        maxForEach(arrayMap(
            f -> toUInt8(if(
                f.2 in ('is', 'is_not'), has(f.3, facets[f.1]),
                arrayExists(part -> positionCaseInsensitiveUTF8(facets[f.1], part) > 0, f.3)
            )),
            {filters:Array(Tuple(String, String, Array(String)))}
        )),
        {filters:Array(Tuple(String, String, Array(String)))}
    )
),
-- A moment fills the upper half of a touch and the value the lower one, so that touches sort fast and by time.
people as (
    select
        person,
        arraySort(groupArray(
            bitShiftLeft(toUInt128(toUnixTimestamp64Milli(at)), 64) + toUInt128(cityHash64({by:Identifier}))
        )) as touches_in_turn
    from touches
    where site = {site:UInt32} and (bot = '' or {with_bots:UInt8})
      and at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({window:UInt32}) and at < {until:DateTime64(3, 'UTC')}
      and (not {is_filtered:UInt8} or person global in (select person from chosen))
      and person global not in (
          select person from {facts:Identifier}
          where site = {site:UInt32} and kind = {kind:String} and key = {key:String} and weight > 0
            and at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({window:UInt32})
            and at < {until:DateTime64(3, 'UTC')} and (bot = '' or {with_bots:UInt8})
      )
    group by person
),
ways as (
    select
        bitShiftRight(touches_in_turn[-1], 64) as last_touch,
        bitShiftLeft(toUInt128(toInt64(last_touch) - {window:UInt32} * 86400000), 64) as earliest,
        arrayMap(t -> toUInt64(t), arrayFilter(t -> t >= earliest, touches_in_turn)) as way
    from people
    where last_touch >= toUnixTimestamp64Milli({since:DateTime64(3, 'UTC')})
)
-- What the order does not look back to is a constant 0: grouping by it costs nothing.
select first_back, if({order:UInt8} > 1, back2, 0) as second_back, if({order:UInt8} > 2, back3, 0) as third_back, onto,
       count() as weight
from ways
array join
    arrayPushFront(way, 0) as first_back,
    arrayResize(if({order:UInt8} > 1, arrayConcat([0, 0], way), []), length(way) + 1) as back2,
    arrayResize(if({order:UInt8} > 2, arrayConcat([0, 0, 0], way), []), length(way) + 1) as back3,
    arrayPushBack(way, 0) as onto
group by first_back, second_back, third_back, onto
