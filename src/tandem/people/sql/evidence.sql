-- answers: Why do these identifiers belong together?
-- grain: one row per piece of evidence
-- reads: identity_links
select a, a_kind, b, b_kind, source, ref, min(at) as first_at
from identity_links
where site = {site:UInt32} and (a in {nodes:Array(UInt64)} or b in {nodes:Array(UInt64)})
group by a, a_kind, b, b_kind, source, ref
order by first_at, a, b
limit 500
