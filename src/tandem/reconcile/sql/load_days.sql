-- answers: What do loads say of each day and figure, in sum?
-- grain: one row per load, figure and day
-- reads: outside_rows
select load, toString(figure) as figure, on, sum(value) as value, count() as rows
from outside_rows
where site = {site:UInt32} and has({loads:Array(UInt64)}, load)
group by load, figure, on
order by load, figure, on
