-- answers: How did the next calls of an import stand before it, and which version of them counts now?
-- grain: one row per call
-- reads: call_befores, call_rows
select b.*, c.version as now
from (
    select *
    from call_befores final
    where site = {site:UInt32} and import = {import:UInt32} and call > {after:UInt64}
    order by call
    limit {most:UInt32}
) as b
left join (select call, version from call_rows final where site = {site:UInt32}) as c on b.call = c.call
order by b.call
