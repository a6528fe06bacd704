-- answers: How did the next calls of an import stand before it, and which version of them counts now?
-- grain: one row per call
-- reads: call_befores, call_rows
with next as (
    select *
    from call_befores final
    where site = {site:UInt32} and import = {import:UInt32} and call > {after:UInt64}
    order by call
    limit {most:UInt32}
)
select b.*, t.version as now
from next as b
left join (
    select call, version from call_rows final where site = {site:UInt32} and call in (select call from next)
) as t on b.call = t.call
order by b.call
