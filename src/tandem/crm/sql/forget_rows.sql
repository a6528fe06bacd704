-- answers: Which of them are taken back?
-- grain: one row per row
-- reads: deal_rows
delete from deal_rows where site = {site:UInt32} and deal in {deals:Array(UInt64)}
