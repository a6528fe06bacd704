-- answers: From when must each visitor's events be read again, now that facts have come, and which visit is the last?
-- grain: one row per visitor that has visits near the new facts
-- reads: stale_visits, visit_rows
--
-- A visit is named after its first page view, but an action may have opened it: its first hit counts here. Told as well:
-- the newest version, which what is written next must exceed, and when the last of the other visits ended.
select
    v.visitor as visitor,
    min(v.opened) as since,
    argMin(v.chain_started, v.started) as chain_started,
    max(v.version) as newest,
    arrayReverseSort(groupArray(v.ended))[2] as others_ended,
    argMax((
        v.visit, v.version, v.started, v.opened, v.ended, v.chain_started, v.pageviews,
        v.pageviews + length(v.`vitals.value`) + length(v.`hits.scroll`)
    ), (v.opened, v.ended)) as last
from visit_rows as v final
global inner join (select visitor, since from stale_visits where batch = {batch:UInt64}) as s on v.visitor = s.visitor
where v.site = {site:UInt32}
    and v.visitor global in (select visitor from stale_visits where batch = {batch:UInt64})
    and v.started >= {since:DateTime64(3, 'UTC')} - interval 3 day
    and v.ended >= s.since - interval 24 hour
group by v.visitor
