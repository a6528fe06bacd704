-- answers: Which days do the reports of each ad account tell of?
-- grain: one row per ad account and load: its first and last day that counts, and how many do
-- reads: ad_loaded
select system, account, min(on) as first, max(on) as last, count() as days
from ad_loaded
where site = {site:UInt32}
group by system, account, load
