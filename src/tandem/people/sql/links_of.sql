-- answers: Which evidence touches any of these identifiers?
-- grain: one row per piece of evidence
-- reads: identity_links
-- An alias, so that thousands of identifiers are read once.
with cast({nodes:String}, 'Array(UInt64)') as nodes
select
    a, toInt8(indexOf({kinds:Array(String)}, l.a_kind) - 1) as a_kind,
    b, toInt8(indexOf({kinds:Array(String)}, l.b_kind) - 1) as b_kind,
    toInt8(transform(source, ['site', 'crm'], [2, 1], 0)) as source_code  -- of one column: once for each of its values
from identity_links as l
where site = {site:UInt32} and (a in nodes or b in nodes)
