-- answers: Which visits has this visitor, of those that begin from a moment on, and of how many facts is each made?
-- grain: one row per visit, in the order of their beginning
-- reads: visit_rows
select
    visit, version, started, opened, ended, chain_started, pageviews,
    pageviews + length(`vitals.value`) + length(`hits.scroll`) as held
from visit_rows final
where site = {site:UInt32} and visitor = {visitor:UInt64} and started >= {since:DateTime64(3, 'UTC')}
order by opened, ended
