-- answers: How did these records stand before an import?
-- grain: one row per lead or deal
-- reads: deal_befores
select * from deal_befores final where site = {site:UInt32} and import = {import:UInt32} and deal in {deals:Array(UInt64)}
