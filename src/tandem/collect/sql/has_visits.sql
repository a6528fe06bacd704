-- answers: Has a human ever visited this site?
-- grain: one row
-- reads: visits
select count() > 0 from (select 1 from visits where site = {site:UInt32} and bot = '' limit 1)
