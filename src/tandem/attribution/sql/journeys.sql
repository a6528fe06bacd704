-- answers: By which visits did each conversion come about, and by which did its person go on to nothing?
-- grain: one row per touch of a journey; weight 0: it ended in nothing; place 0: a conversion without a visit before it
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
facts as (
    select person, toUnixTimestamp64Milli(at) as moment, weight, toFloat64(amount) as worth
    from {facts:Identifier}
    where site = {site:UInt32} and kind = {kind:String} and key = {key:String} and weight > 0
      and at < {until:DateTime64(3, 'UTC')} and (bot = '' or {with_bots:UInt8})
      and (not {is_filtered:UInt8} or person global in (select person from chosen))
),
seen as (
    select person, toUnixTimestamp64Milli(at) as moment, cityHash64({by:Identifier}) as value,
           channel = 'Direct' as is_direct
    from touches
    where site = {site:UInt32} and (bot = '' or {with_bots:UInt8})
      and at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({window:UInt32}) and at < {until:DateTime64(3, 'UTC')}
      and person global in (
          select person from facts
          where moment >= toUnixTimestamp64Milli({since:DateTime64(3, 'UTC')}) - {window:UInt32} * 86400000
      )
),
-- Everything one person did, in order; a touch at the very moment of a conversion stands before it.
stories as (
    select person, arraySort(groupArray((moment, is_conversion, value, is_direct, weight, worth))) as story,
           arrayCumSum(arrayMap(e -> e.2, story)) as laps
    from (
        select person, moment, toUInt8(0) as is_conversion, value, is_direct, 0. as weight, 0. as worth
        from seen
        union all
        select person, moment, 1, 0, 0, weight, worth from facts
    )
    group by person
),
-- One row a conversion, with the touches since the one before it that had touches; and one row a person, turn 0, for the
-- touches after the last conversion.
turns as (
    select person, story, laps, turn > 0 as is_won, if(is_won, story[turn], story[-1]) as last_event,
           if(is_won, laps[turn], laps[-1] + 1) as nth,
           arrayMax(arrayMap((e, lap) -> if(e.2 = 0 and lap < nth, lap, 0), story, laps)) as lap_of_it,
           last_event.1 - {window:UInt32} * 86400000 as earliest,
           arrayFilter((e, lap) -> e.2 = 0 and lap = lap_of_it and lap < nth and e.1 >= earliest, story, laps) as way
    from stories
    array join arrayPushBack(arrayFilter((i, e) -> e.2 = 1, arrayEnumerate(story), story), 0) as turn
    where last_event.1 >= toUnixTimestamp64Milli({since:DateTime64(3, 'UTC')}) and (is_won or last_event.2 = 0)
)
select
    cityHash64(person, nth) as journey, toUInt64(place) as place, touch.3 as value, touch.4 as is_direct,
    toUInt64(intDiv(last_event.1 - if(place = 0, last_event.1, touch.1), 1000)) as age_s,
    last_event.5 as weight, last_event.6 as worth, nth = 1 as is_first
from turns
array join
    if(empty(way), [(toInt64(0), toUInt8(0), toUInt64(0), toUInt8(0), 0., 0.)], way) as touch,
    if(empty(way), [0], arrayEnumerate(way)) as place
