-- answers: How many visits did each keyword of paid traffic bring a day?
-- grain: one row per day, source, campaign and keyword
-- reads: visits
select toDate(at, {zone:String}) as on, source, medium, campaign, term, count() as visits
from visits
where site = {site:UInt32} and bot = '' and campaign != '' and channel in {channels:Array(String)}
group by on, source, medium, campaign, term
order by on, source, medium, campaign, term
