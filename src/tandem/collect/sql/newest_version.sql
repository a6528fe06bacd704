-- answers: What is the newest version of the visits of a range of visitors?
-- grain: one row
-- reads: visit_rows
select max(version) from visit_rows where site = {site:UInt32} and visitor between {first:UInt64} and {last:UInt64}
