-- answers: Which goals did these browsers reach, the latest first?
-- grain: one row per goal reached
-- reads: conversions
select at, goal, page, amount
from conversions
where site = {site:UInt32} and visitor in {visitors:Array(UInt64)}
order by at desc, visit, goal, page, amount
limit 500
