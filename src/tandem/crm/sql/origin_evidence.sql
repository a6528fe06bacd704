-- answers: What do these records themselves say of where they came from, and where do we say it was?
-- grain: one row per lead or deal
-- reads: deal_origins, deal_rows
select
    d.deal as deal, d.node as node, d.at as at, d.visitor as told_visitor, person_of(d.site, d.node) as person,
    d.utm_source as utm_source, d.utm_medium as utm_medium, d.utm_campaign as utm_campaign, d.utm_term as utm_term,
    d.utm_content as utm_content, toString(d.click) as click,
    (
        o.visit, o.visitor, toString(o.channel), o.source, o.medium, o.campaign, o.term, o.content, o.entry,
        toString(o.how)
    ) as existing,
    o.version as version, o.version > 0 and o.node = d.node as is_existing
from (
    select * from deal_rows final where site = {site:UInt32} and deal in {deals:Array(UInt64)} and is_deleted = 0
) as d
left join (
    select * from deal_origins final where site = {site:UInt32} and deal in {deals:Array(UInt64)}
) as o on d.deal = o.deal
order by d.deal
