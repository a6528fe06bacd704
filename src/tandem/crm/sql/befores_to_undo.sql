-- answers: How did the next records of an import stand before it, and which version of them counts now?
-- grain: one row per lead or deal
-- reads: deal_befores, deal_rows
with next as (
    select *
    from deal_befores final
    where site = {site:UInt32} and import = {import:UInt32} and deal > {after:UInt64}
    order by deal
    limit {most:UInt32}
)
select b.*, t.version as now
from next as b
left join (
    select deal, version from deal_rows final where site = {site:UInt32} and deal in (select deal from next)
) as t on b.deal = t.deal
order by b.deal
