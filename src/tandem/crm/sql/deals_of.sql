-- answers: Which records did this connection tell of?
-- grain: one row per lead or deal
-- reads: deal_rows
select deal from deal_rows final
where site = {site:UInt32} and connection = {connection:UInt32} and is_deleted = 0
order by deal
