-- answers: Which of these records are known already?
-- grain: one row per lead or deal
-- reads: deal_rows
select deal from deal_rows final where site = {site:UInt32} and deal in {deals:Array(UInt64)} and is_deleted = 0
