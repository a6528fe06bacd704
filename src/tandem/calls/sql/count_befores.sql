-- answers: How many calls did an import bring?
-- grain: one row
-- reads: call_befores
select uniqExact(call) from call_befores where site = {site:UInt32} and import = {import:UInt32}
