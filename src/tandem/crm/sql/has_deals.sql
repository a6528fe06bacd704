-- answers: Has any CRM told of this site?
-- grain: one row
-- reads: deal_rows
select count() > 0 from deal_rows where site = {site:UInt32}
