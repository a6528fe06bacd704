-- answers: When was each of these visitors last active?
-- grain: one row per visitor
-- reads: visit_rows
select visitor, max(ended) as ended
from visit_rows final
where site = {site:UInt32} and started >= {since:DateTime64(3, 'UTC')} and visitor in {visitors:Array(UInt64)}
group by visitor
