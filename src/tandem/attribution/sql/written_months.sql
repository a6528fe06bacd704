-- answers: Of what visits and conversions was the credit of each month made?
-- grain: one row per month that is written down
-- reads: credit_months
select month, argMax(state, version) as state
from credit_months
where site = {site:UInt32}
group by month
