-- answers: How do these records stand?
-- grain: one row per lead or deal
-- reads: deal_rows
select * from deal_rows final where site = {site:UInt32} and deal in {deals:Array(UInt64)}
