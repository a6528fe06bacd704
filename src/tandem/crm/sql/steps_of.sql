-- answers: When were the records of this connection in these stages?
-- grain: one row per record, moment and stage
-- reads: deal_rows, deal_snapshots
select d.deal as deal, s.node as node, s.at as at, s.stage as stage, toString(d.kind) as kind
from (
    select site, deal, kind from deal_rows final where site = {site:UInt32} and connection = {connection:UInt32}
) as d
inner join (select * from deal_snapshots final where site = {site:UInt32}) as s on d.site = s.site and d.deal = s.deal
where concat(toString(d.kind), ':', s.stage) in {stages:Array(String)}
order by d.deal, s.at, s.stage
