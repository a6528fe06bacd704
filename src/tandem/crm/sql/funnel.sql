-- answers: How many leads and deals of this time have been in each stage, how many are there now, and what is open worth?
-- grain: one row per kind, pipeline and stage
-- reads: deals, deals_moved
select
    toString(kind) as kind, toString(pipeline) as pipeline, stage, max(means) as means, sum(was) as reached,
    sum(stands) as standing, sum(worth) as worth
from (
    select kind, pipeline, toString(stage) as stage,
        argMax(toString(stage_kind), at) as means, uniqExact(deal) as was, 0 as stands,
        toDecimal64(0, 4) as worth
    from deals_moved
    where site = {site:UInt32} and deal global in (
        select deal from deals
        where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
    )
    group by kind, pipeline, stage
    union all
    select kind, pipeline, toString(stage) as stage, toString(stage_kind) as means, 0 as was, count() as stands,
        sumIf(ifNull(amount, toDecimal64(0, 4)), stage_kind in ('open', 'qualified')) as worth
    from deals
    where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
    group by kind, pipeline, stage, stage_kind
)
group by kind, pipeline, stage
order by kind desc, pipeline, reached desc, stage
limit 100
