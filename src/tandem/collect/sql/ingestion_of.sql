-- answers: What has the ledger been told of this batch?
-- grain: one row per site, day and outcome
-- reads: reception
select site, on, outcome, sum(count) as count
from reception
where batch = {batch:String} or startsWith(batch, concat({batch:String}, '-anew-'))
group by site, on, outcome
