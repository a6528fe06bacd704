-- answers: From when must each visitor's events be read again, now that facts have come?
-- grain: one row per visitor that has visits near the new facts
-- reads: stale_visits, visit_rows
--
-- A visit is named after its first page view, but an action may have opened it: its first hit counts here. Told as well:
-- how many facts the longest visit has, and the newest version, which what is written next must exceed.
select
    v.visitor as visitor,
    min(v.opened) as since,
    argMin(v.chain_started, v.started) as chain_started,
    max(v.pageviews + length(v.`vitals.value`) + length(v.`hits.scroll`)) as most_facts,
    max(v.version) as newest
from visit_rows as v final
global inner join (select visitor, since from stale_visits where batch = {batch:UInt64}) as s on v.visitor = s.visitor
where v.site = {site:UInt32}
    and v.visitor global in (select visitor from stale_visits where batch = {batch:UInt64})
    and v.started >= {since:DateTime64(3, 'UTC')} - interval 3 day
    and v.ended >= s.since - interval 24 hour
group by v.visitor
