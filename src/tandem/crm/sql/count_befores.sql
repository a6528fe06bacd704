-- answers: How many records did an import bring?
-- grain: one row
-- reads: deal_befores
select uniqExact(deal) from deal_befores where site = {site:UInt32} and import = {import:UInt32}
