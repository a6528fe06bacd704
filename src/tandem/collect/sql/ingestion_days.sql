-- answers: What was received on each day, and what became of it?
-- grain: one row per day and outcome
-- reads: reception
select on, outcome, sum(count) as count
from reception
where site = {site:UInt32} and on >= {since:Date}
group by on, outcome
order by on desc, outcome
