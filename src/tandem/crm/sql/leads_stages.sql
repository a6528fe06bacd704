-- answers: In which stages have the leads of this connection ever been, and what did these mean?
-- grain: one row per kind and set of stages
-- reads: deal_rows, deal_snapshots
select kind, seen, count() as records
from (
    select d.deal as deal, toString(any(d.kind)) as kind,
        arraySort(groupUniqArray((s.stage, toString(s.stage_kind)))) as seen
    from (
        select site, deal, kind from deal_rows final
        where site = {site:UInt32} and connection = {connection:UInt32} and is_deleted = 0 and parent = 0
    ) as d
    inner join (select * from deal_snapshots final where site = {site:UInt32}) as s on d.site = s.site and d.deal = s.deal
    group by deal
)
group by kind, seen
order by kind, seen
