-- answers: Which identifiers of a site were seen to belong together?
-- grain: one row per piece of evidence
-- reads: identity_links
select
    a, toInt8(indexOf({kinds:Array(String)}, a_kind) - 1) as a_kind,
    b, toInt8(indexOf({kinds:Array(String)}, b_kind) - 1) as b_kind,
    toInt8(source = 'site') as unproved
from identity_links
where site = {site:UInt32}
