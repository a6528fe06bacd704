-- answers: When were these visitors active?
-- grain: one row per visit
-- reads: visit_rows
select visitor, opened as first, ended as last
from visit_rows final
where site = {site:UInt32} and started >= {since:DateTime64(3, 'UTC')} and visitor in {visitors:Array(UInt64)}
