-- answers: Which rows belong to a load that never counted?
-- grain: one row per row
-- reads: outside_rows
delete from outside_rows where site = {site:UInt32} and load = {load:UInt64}
