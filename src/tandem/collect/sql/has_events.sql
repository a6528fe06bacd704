-- answers: Has anything been stored of this site yet?
-- grain: one row
-- reads: events
select count() > 0 from (select 1 from events where site = {site:UInt32} limit 1)
