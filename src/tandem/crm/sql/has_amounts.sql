-- answers: Has any CRM told of an amount or a cost at this site?
-- grain: one row
-- reads: deal_rows
select count() > 0 from deal_rows where site = {site:UInt32} and (isNotNull(amount) or isNotNull(cost))
