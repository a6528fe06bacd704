-- answers: Which goals are reached by orders, events with an amount, and how often?
-- grain: one row per goal
-- reads: conversions
select goal, count() as orders
from conversions
where site = {site:UInt32} and amount > 0
group by goal
order by orders desc, goal
