-- answers: Has this site sent an event of this name?
-- grain: one row
-- reads: events
select count() > 0 from events
where site = {site:UInt32} and kind in ('event', 'form', 'download', 'outbound') and name = {name:String}
