-- answers: How many goals did visits reach that an ad system paid for?
-- grain: one row per day, channel, source, medium and campaign
-- reads: ad_visits
select
    toDate(at, {zone:String}) as on, toString(channel) as channel, source, toString(medium) as medium,
    toString(campaign) as campaign, sum(conversions) as conversions
from ad_visits
where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
    and system = {system:String}
group by on, channel, source, medium, campaign
