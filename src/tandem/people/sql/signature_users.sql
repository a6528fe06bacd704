-- answers: Which browsers have used these signatures?
-- grain: one row per signature and browser
-- reads: identity_links
select distinct ref, if(a_kind = 'visitor', a, b) as browser
from identity_links
prewhere a in {nodes:Array(UInt64)} or b in {nodes:Array(UInt64)}
where site = {site:UInt32} and source = 'signed' and ref in {refs:Array(String)}
