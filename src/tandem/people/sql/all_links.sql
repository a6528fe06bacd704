-- answers: Which identifiers of a site were seen to belong together?
-- grain: one row per piece of evidence
-- reads: identity_links
select
    a, toInt8(indexOf({kinds:Array(String)}, l.a_kind) - 1) as a_kind,
    b, toInt8(indexOf({kinds:Array(String)}, l.b_kind) - 1) as b_kind,
    toInt8(multiIf(
        source = 'site', 2,
        source = 'crm' and l.a_kind in ('phone', 'email') and l.b_kind in ('phone', 'email'), 1,
        0
    )) as doubt
from identity_links as l
where site = {site:UInt32}
