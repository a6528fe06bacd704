-- answers: From where did these browsers come for the first time?
-- grain: one row per browser
-- reads: visits
select
    visitor, min(v.at) as at, argMin(toString(v.channel), (v.at, v.visit)) as channel,
    argMin(toString(v.source), (v.at, v.visit)) as source, argMin(toString(v.campaign), (v.at, v.visit)) as campaign,
    argMin(toString(v.term), (v.at, v.visit)) as term
from visits as v
where v.site = {site:UInt32} and v.visitor in {visitors:Array(UInt64)} and v.bot = ''
group by visitor
order by visitor
