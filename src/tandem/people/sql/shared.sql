-- answers: Which identifiers do so many others share that they tell nobody, most shared first?
-- grain: one row per shared identifier
-- reads: identity_links, persons
select node, any(kind) as kind, uniqExact(other) as neighbours, max(at) as last_at
from (
    select a as node, a_kind as kind, b as other, at from identity_links where site = {site:UInt32}
    union all
    select b as node, b_kind as kind, a as other, at from identity_links where site = {site:UInt32}
)
where node in (select node from persons where site = {site:UInt32} and is_shared)
group by node
order by neighbours desc, node
limit 200
