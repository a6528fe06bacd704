-- answers: When were these records in which stages?
-- grain: one row per record
-- reads: deal_snapshots
select
    deal, groupArray(node) as step_nodes, groupArray(at) as step_moments, groupArray(stage) as step_stages,
    groupArray(toString(stage_kind)) as step_kinds, groupArray(version) as step_versions
from deal_snapshots final
where site = {site:UInt32} and deal in {deals:Array(UInt64)}
group by deal
