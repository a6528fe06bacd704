-- answers: Since when is anything known of what this view tells?
-- grain: one row, none where the view is empty
-- reads: visits, calls_received, deals, ad_days, ad_matches, findings
select toFloat64(min(at)) as first
from {measured:Identifier}
where site = {site:UInt32}
having count() > 0
