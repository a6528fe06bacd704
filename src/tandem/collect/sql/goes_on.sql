-- answers: Is a visit made of all facts up to its end, do all facts after it go on with it, and what are its sums then?
-- grain: one row
-- reads: events
--
-- What ends a visit is said in sql/derive_visits.sql: silence, a day of its chain, another campaign. Facts are read from
-- `since` on, as far back as deriving would read: what a browser and a server tell of the same may stand in another visit.
with
    at >= {opened:DateTime64(3, 'UTC')} as is_in,
    at > {ended:DateTime64(3, 'UTC')} as is_fresh,
    is_in and kind = 'event' and currency in ('', {currency:String}) as is_money,
    arraySort(groupArrayIf((at, id, kind in ('engage', 'vital')), is_fresh)) as fresh,
    argMaxIf(campaign, (at, id), campaign != 0 and is_in and not is_fresh) as last_campaign
select
    countIf(is_in and not is_fresh) = {held:UInt64}
        and length(fresh) between 1 and {most_new:UInt32}
        and count() = uniqExact(bitAnd(id, 9223372036854775807))
        and arrayAll(
            (one, previous) -> one.1 <= previous + interval 30 minute or (one.3 and one.1 <= previous + interval 24 hour),
            fresh,
            arrayPushFront(arrayPopBack(arrayMap(one -> one.1, fresh)), {ended:DateTime64(3, 'UTC')})
        )
        and intDiv(dateDiff('second', {chain_started:DateTime64(3, 'UTC')}, {ended:DateTime64(3, 'UTC')}), 86400)
            = intDiv(dateDiff('second', {chain_started:DateTime64(3, 'UTC')}, last_at), 86400)
        and arrayAll(one -> one = last_campaign, groupUniqArrayIf(campaign, campaign != 0 and is_fresh))
        as goes_on,
    max(at) as last_at,
    least(
        sumIf(toUInt64(engaged_ms), is_in), toUInt64(dateDiff('millisecond', {opened:DateTime64(3, 'UTC')}, last_at)) + 60000
    ) as attention_ms,
    countIf(is_money and amount > 0) as orders,
    toDecimal64(greatest(-99999999999999, least(99999999999999, sumIf(amount, is_money))), 4) as revenue,
    maxIf(keep_until, is_in) as keep_until
from events
where site = {site:UInt32} and visitor = {visitor:UInt64} and at >= {since:DateTime64(3, 'UTC')}
