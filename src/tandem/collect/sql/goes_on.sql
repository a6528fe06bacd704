-- answers: How many facts has a visit up to its end, which come after it, and what are the visit's sums with these?
-- grain: one row
-- reads: events
--
-- Facts are read from `since` on, as far back as deriving would read: what a browser and a server tell of the same may
-- stand in another visit (`known` is then less than `facts`). What follows from it is said in model/long_visit.py: the
-- same conditions here would take longer to plan than all of this takes.
with
    at >= {opened:DateTime64(3, 'UTC')} as is_in,
    at > {ended:DateTime64(3, 'UTC')} as is_fresh,
    is_in and kind = 'event' and currency in ('', {currency:String}) as is_money
select
    countIf(is_in and not is_fresh) as inside,
    count() as facts,
    uniqExact(bitAnd(id, 9223372036854775807)) as known,
    groupArrayIf({most_new:UInt32})((at, received, nth, id, kind in ('engage', 'vital'), campaign), is_fresh) as fresh,
    argMaxIf(campaign, (at, received, nth, id), campaign != 0 and is_in and not is_fresh) as last_campaign,
    sumIf(toUInt64(engaged_ms), is_in) as engaged_ms,
    countIf(is_money and amount > 0) as orders,
    toDecimal64(greatest(-99999999999999, least(99999999999999, sumIf(amount, is_money))), 4) as revenue,
    maxIf(keep_until, is_in) as keep_until
from events
where site = {site:UInt32} and visitor = {visitor:UInt64} and at >= {since:DateTime64(3, 'UTC')}
