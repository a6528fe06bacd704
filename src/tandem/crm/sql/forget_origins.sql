-- answers: Which of them are taken back?
-- grain: one row per row
-- reads: deal_origins
delete from deal_origins where site = {site:UInt32} and deal in {deals:Array(UInt64)}
