-- answers: Which evidence came with these calls or records?
-- grain: one row per piece of evidence
-- reads: identity_links
select ref, a, a_kind, b, b_kind, at
from identity_links final
where site = {site:UInt32} and source = {source:String} and ref in {refs:Array(String)}
