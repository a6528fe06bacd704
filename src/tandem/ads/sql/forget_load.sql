-- answers: Which rows belong to loads that never counted?
-- grain: one row per row
-- reads: ad_rows
delete from ad_rows where site = {site:UInt32} and load >= {first:UInt64} and load <= {last:UInt64}
