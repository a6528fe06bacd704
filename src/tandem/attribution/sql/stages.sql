-- answers: Which stages have records of the CRM been in?
-- grain: one row per stage, by name
-- reads: deals_moved
select distinct toString(stage) as stage
from deals_moved
where site = {site:UInt32}
order by stage
limit 100
