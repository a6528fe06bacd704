-- answers: Which of them are taken back?
-- grain: one row per row
-- reads: deal_snapshots
delete from deal_snapshots where site = {site:UInt32} and deal in {deals:Array(UInt64)}
