-- answers: Which calls are taken back?
-- grain: one row per row
-- reads: call_rows
delete from call_rows where site = {site:UInt32} and call in {calls:Array(UInt64)}
