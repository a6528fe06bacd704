-- answers: Is one of these goals reached by orders, events with an amount?
-- grain: one row
-- reads: conversions
select count() > 0
from (select 1 from conversions where site = {site:UInt32} and goal in {goals:Array(UInt32)} and amount > 0 limit 1)
