-- answers: Which visits may these calls have come from, and how certain is each?
-- grain: one row per call and candidate; visitor 0: nobody of them
-- reads: call_credits_received
select call, visitor, weight, channel, source, campaign, term, entry
from call_credits_received
where site = {site:UInt32} and call in {calls:Array(UInt64)}
order by call, weight desc, visitor
