-- answers: Of which figures do outside systems tell, by which split, over which days?
-- grain: one row per source, figure and split
-- reads: outside_rows
select
    toString(source_id) as source, toString(figure) as figure, toString(split) as split, min(on) as first_on, max(on) as last_on
from outside_rows
where site = {site:UInt32} and has({loads:Array(UInt64)}, load)
group by source_id, figure, split
order by source, figure, split
