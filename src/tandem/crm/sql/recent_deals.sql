-- answers: Which records were created since then?
-- grain: one row per lead or deal
-- reads: deal_rows
select deal from deal_rows final where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and is_deleted = 0
order by deal
