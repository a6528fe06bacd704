-- answers: What does an outside system say of a figure, day by day and part by part, by the last load that tells of it?
-- grain: one row per day and part
-- reads: outside_rows
select
    on, toString(channel) as channel, source, toString(medium) as medium, campaign, value, share, is_thresholded, is_other
from outside_rows
where site = {site:UInt32} and source_id = {source_id:String} and figure = {figure:String} and split = {split:String}
    and on >= {first:Date} and on <= {last:Date} and has({loads:Array(UInt64)}, load)
    and (on, indexOf({loads:Array(UInt64)}, load)) in (
        select on, max(indexOf({loads:Array(UInt64)}, load))
        from outside_rows
        where site = {site:UInt32} and source_id = {source_id:String} and figure = {figure:String}
            and split = {split:String} and on >= {first:Date} and on <= {last:Date}
            and has({loads:Array(UInt64)}, load)
        group by on
    )
order by on, channel, source, medium, campaign
