-- answers: Whose visits are not looked for any more?
-- grain: one row per row
-- reads: call_credit_rows
delete from call_credit_rows where site = {site:UInt32} and call in {calls:Array(UInt64)}
