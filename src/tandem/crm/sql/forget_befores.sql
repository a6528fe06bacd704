-- answers: Which imports can be undone no more?
-- grain: one row per row
-- reads: deal_befores
delete from deal_befores where site = {site:UInt32} and import in {imports:Array(UInt32)}
