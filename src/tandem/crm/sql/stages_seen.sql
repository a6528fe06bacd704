-- answers: Which stages have the records of this connection been in, and what do these mean?
-- grain: one row per kind and stage
-- reads: deal_rows, deal_snapshots
select toString(d.kind) as kind, s.stage as stage, argMax(toString(s.stage_kind), s.version) as means,
    uniqExact(d.deal) as records
from (
    select site, deal, kind from deal_rows final
    where site = {site:UInt32} and connection = {connection:UInt32} and is_deleted = 0
) as d
inner join (select * from deal_snapshots final where site = {site:UInt32}) as s on d.site = s.site and d.deal = s.deal
group by kind, stage
order by kind desc, records desc, stage
limit 300
