-- answers: How much does the store of a site hold of one person?
-- grain: one row per kind of thing
-- reads: call_rows, deal_rows, events, visits
select 'events' as what, uniqExact(id) as held
from events where site = {site:UInt32} and visitor in {nodes:Array(UInt64)}
union all
select 'visits' as what, uniqExact(visit) as held
from visits where site = {site:UInt32} and visitor in {nodes:Array(UInt64)}
union all
select 'calls' as what, uniqExact(call) as held
from call_rows where site = {site:UInt32} and caller in {nodes:Array(UInt64)}
union all
select 'deals' as what, uniqExact(deal) as held
from deal_rows
where site = {site:UInt32} and arrayExists(key -> key in {nodes:Array(UInt64)}, [node, visitor, phone, email])
