-- answers: Has any phone system or file told of a call of this site?
-- grain: one row
-- reads: call_rows
select count() > 0 from call_rows where site = {site:UInt32}
