-- answers: What does a long visit become with the facts that have come after its end?
-- grain: one row, the next version of the visit
-- reads: events, visit_rows
--
-- Asked only where these facts begin no visit and change nothing before them (sql/goes_on.sql, which brings the sums too):
-- then this is the row that sql/derive_visits.sql would make, by the same expressions. What was in the visit is neither read
-- again nor sorted. The new facts are one value, not a table to join: planning that would take longer than all the rest.
insert into visit_rows
with (
    with arrayMap(goal -> goal.1, arrayFilter(
        goal -> (goal.2 = 'event' and kind in ('event', 'form', 'download', 'outbound') and name = goal.3)
            or (goal.2 = 'page' and kind = 'pageview' and path like goal.3),
        {goals:Array(Tuple(UInt32, String, String))}
    )) as reached
    select tuple(
        arraySort(groupArrayIf((at, received, nth, id, path, status), kind = 'pageview')),
        arraySort(one -> (one.1, one.2, one.3, one.4), groupArrayIf(
            (at, received, nth, id, name, value, path), kind = 'vital'
        )),
        arrayFlatten(arrayMap(
            one -> arrayMap(goal -> (one.1, goal, one.5, one.6), one.7),
            arraySort(one -> (one.1, one.2, one.3, one.4), groupArrayIf(
                (at, received, nth, id, path, amount, reached), notEmpty(reached)
            ))
        )),
        arraySort(one -> (one.1, one.2, one.3, one.4), groupArrayIf(
            (at, received, nth, id, kind, name, path, engaged_ms, scroll, amount, props),
            kind not in ('pageview', 'vital')
        ))
    )
    from events
    where site = {site:UInt32} and visitor = {visitor:UInt64}
        and at > {ended:DateTime64(3, 'UTC')} and at <= {last_at:DateTime64(3, 'UTC')}
) as fresh
select v.* replace (
    {last_at:DateTime64(3, 'UTC')} as ended,
    {version:UInt64} + 1 as version,
    if(empty(fresh.1), v.exit, fresh.1[-1].5) as exit,
    v.pageviews + length(fresh.1) as pageviews,
    {attention_ms:UInt64} as engaged_ms,
    {attention_ms:UInt64} >= 10000 or v.pageviews + length(fresh.1) > 1 as is_engaged,
    {orders:UInt32} as orders,
    {revenue:Decimal(18, 4)} as revenue,
    v.conversions + length(fresh.3) as conversions,
    arrayConcat(v.`views.at`, fresh.1.1) as `views.at`,
    arrayConcat(v.`views.path`, fresh.1.5) as `views.path`,
    arrayConcat(v.`views.status`, fresh.1.6) as `views.status`,
    arrayConcat(v.`vitals.at`, fresh.2.1) as `vitals.at`,
    arrayConcat(v.`vitals.name`, fresh.2.5) as `vitals.name`,
    arrayConcat(v.`vitals.value`, fresh.2.6) as `vitals.value`,
    arrayConcat(v.`vitals.path`, fresh.2.7) as `vitals.path`,
    arrayConcat(v.`goals.at`, fresh.3.1) as `goals.at`,
    arrayConcat(v.`goals.goal`, fresh.3.2) as `goals.goal`,
    arrayConcat(v.`goals.path`, fresh.3.3) as `goals.path`,
    arrayConcat(v.`goals.amount`, fresh.3.4) as `goals.amount`,
    arrayConcat(v.`hits.at`, fresh.4.1) as `hits.at`,
    arrayConcat(v.`hits.kind`, fresh.4.5) as `hits.kind`,
    arrayConcat(v.`hits.name`, fresh.4.6) as `hits.name`,
    arrayConcat(v.`hits.path`, fresh.4.7) as `hits.path`,
    arrayConcat(v.`hits.engaged_ms`, fresh.4.8) as `hits.engaged_ms`,
    arrayConcat(v.`hits.scroll`, fresh.4.9) as `hits.scroll`,
    arrayConcat(v.`hits.amount`, fresh.4.10) as `hits.amount`,
    arrayConcat(v.`hits.props`, fresh.4.11) as `hits.props`,
    {keep_until:Date} as keep_until
)
from visit_rows as v  -- its version is known: `final` would read the arrays of all the others
where v.site = {site:UInt32} and v.visitor = {visitor:UInt64} and v.started = {started:DateTime64(3, 'UTC')}
    and v.visit = {visit:UInt64} and v.version = {of:UInt64} and v.is_deleted = 0
