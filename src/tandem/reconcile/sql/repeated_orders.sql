-- answers: How many orders came again under a number that was there before, and how much money do they repeat?
-- grain: one row per day, channel, source, medium and campaign
-- reads: actions
select
    toDate(visit_started, {zone:String}) as on, channel, source, medium, campaign, count() as orders,
    sum(amount) as revenue
from (
    select
        visit_started, toString(channel) as channel, source, toString(medium) as medium, toString(campaign) as campaign,
        amount,
        arrayFirst(x -> x != '', [props['order'], props['order_id'], props['transaction_id']]) as number,
        row_number() over (partition by number order by at, visit) as nth
    from actions
    where site = {site:UInt32} and visit_started >= {since:DateTime64(3, 'UTC')} - toIntervalDay({days:UInt32})
        and visit_started < {until:DateTime64(3, 'UTC')} and kind = 'event' and amount > 0
        and ({has_all_bots:UInt8} or has({bots:Array(String)}, toString(bot)))
        and ({has_cookieless:UInt8} or loyalty != 'unknown')
)
where number != '' and nth > 1 and visit_started >= {since:DateTime64(3, 'UTC')}
group by on, channel, source, medium, campaign
