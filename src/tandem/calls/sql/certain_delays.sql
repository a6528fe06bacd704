-- answers: How long after their visit did those call whose browser a form, a login or the CRM knows?
-- grain: one row per call
-- reads: browser_phones, call_rows, lease_rows
--
-- Calls that were tapped, or that are certain by the number alone, would teach only what they assume: they are left out.
select dateDiff('millisecond', max(l.seen), c.at) / 1000 as since_end_s
from (select * from call_rows final where site = {site:UInt32} and direction = 'in' and caller != 0) as c
inner join (
    select browser, phone from browser_phones where site = {site:UInt32} and source != 'calls'
) as k on k.phone = c.caller
inner join (
    select visitor, number, began, seen from lease_rows final where site = {site:UInt32} and not is_overflow
) as l on l.visitor = k.browser and l.number = c.line
where l.began <= c.at and l.began > c.at - interval 14 day
group by c.call, c.at
