-- answers: Which visits did the persons behind these records make before these were created?
-- grain: one row per lead or deal, and kind of visit: its own browser's, or any of the person's; Direct or not
-- reads: deal_rows, visits
select
    d.deal as deal, v.visitor = d.visitor as is_own, v.channel = 'Direct' as is_direct,
    argMax(v.facts, (v.at, v.visit)) as last_visit
from (
    select
        deal, at, visitor,
        arrayJoin(arrayFilter(x -> x != 0, arrayDistinct([person_of(site, node), visitor]))) as who
    from deal_rows final
    where site = {site:UInt32} and deal in {deals:Array(UInt64)} and is_deleted = 0
) as d
inner join (
    select
        arrayJoin(arrayDistinct([person_of(site, visitor), visitor])) as who, visit, visitor, at,
        toString(channel) as channel,
        (
            visit, visitor, toString(channel), toString(source), toString(medium), toString(campaign), toString(term),
            toString(content), toString(entry)
        ) as facts
    from visits
    where site = {site:UInt32} and at > {since:DateTime64(3, 'UTC')} and at <= {until:DateTime64(3, 'UTC')} and bot = ''
        and (person_of(site, visitor) in {nodes:Array(UInt64)} or visitor in {nodes:Array(UInt64)})
) as v on d.who = v.who
where v.at > d.at - interval 90 day and v.at <= d.at + interval 10 minute
group by deal, is_own, is_direct
order by deal, is_own, is_direct
