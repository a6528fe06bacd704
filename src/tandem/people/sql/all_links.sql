-- answers: Which identifiers of a site were seen to belong together?
-- grain: one row per piece of evidence
-- reads: identity_links
select
    a, toInt8(indexOf({kinds:Array(String)}, l.a_kind) - 1) as a_kind,
    b, toInt8(indexOf({kinds:Array(String)}, l.b_kind) - 1) as b_kind,
    toInt8(transform(source, ['site', 'crm'], [2, 1], 0)) as source_code  -- of one column: once for each of its values
from identity_links as l
where site = {site:UInt32}
