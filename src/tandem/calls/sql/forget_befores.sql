-- answers: Which imports can be undone no more?
-- grain: one row per row
-- reads: call_befores
delete from call_befores where site = {site:UInt32} and import in {imports:Array(UInt32)}
