-- answers: Into which stages did the leads and deals of these identifiers come, and when?
-- grain: one row per change of stage
-- reads: deals, deals_moved
select
    m.at as at, toString(m.kind) as kind, toString(m.system) as system, d.ref as ref, m.stage as stage,
    toString(m.stage_kind) as stage_kind, m.was as was, d.amount as amount, toString(d.channel) as channel,
    d.source as source, toString(d.responsible) as responsible
from deals_moved as m
inner join deals as d on m.site = d.site and m.deal = d.deal
where m.site = {site:UInt32} and (
    d.node in {nodes:Array(UInt64)} or d.phone in {nodes:Array(UInt64)} or d.email in {nodes:Array(UInt64)}
    or d.told_visitor in {nodes:Array(UInt64)}
)
order by at desc, m.deal
limit 500
