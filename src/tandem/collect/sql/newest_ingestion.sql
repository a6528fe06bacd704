-- answers: What is the newest day of which the ledger of reception tells, and does it tell of any?
-- grain: one row
-- reads: reception
select max(on) as newest, count() > 0 as has_any from reception
