-- answers: What is the newest version of the credits of these calls?
-- grain: one number
-- reads: call_credit_rows
select max(version) from call_credit_rows where site = {site:UInt32} and call in {calls:Array(UInt64)}
