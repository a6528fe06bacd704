-- answers: Which visits do these visitors' events make, and which of the visits written before are no more?
-- grain: one row per visit, and one per visit that is to be written over
-- reads: agents, events, origins, stale_visits, visit_rows
--
-- A visit begins with a page view, event or other action after 30 minutes of silence, or with a new campaign. What a
-- page reports of itself (attention, vitals) belongs to the visit before it and begins none, unless a day has passed.
-- A chain of visits without silence is cut every 24 hours from its start, so that a robot's endless visit ends.
-- Each visitor is read from `since`, the start of the first visit that new facts may touch (sql/stale_spans.sql).
-- Order of arrival cannot matter: everything below is a function of the set of events. Those of one millisecond stand as their
-- requests came, and within a request as it names them: what was bought on a page was bought after it was opened.
-- Where visits begin is found from narrow rows (`facts` to `numbered`); texts and properties are read a second time and
-- grouped as they come (`grouped`), for sorting them costs three times the memory when one visit has 100,000 hits.
insert into visit_rows
with
    stale as (select visitor, since, chain_started from stale_visits where batch = {batch:UInt64}),
    facts as (  -- each event once, however often it was delivered; narrow, because every column costs memory below
        select
            e.visitor as visitor, e.id as id, e.at as at, e.received as received, e.nth as place,
            e.kind = 'pageview' as is_view, e.kind in ('engage', 'vital') as is_report, e.campaign as campaign,
            s.chain_started as known_chain_started
        from events as e
        global inner join stale as s on e.visitor = s.visitor
        where e.site = {site:UInt32} and e.at >= {since:DateTime64(3, 'UTC')} and e.at >= s.since
            and e.visitor global in (select visitor from stale)  -- lets the primary key leave most granules unread
        -- What a server tells comes before what a browser says of the same: their ids differ in the highest bit only.
        order by not has(e.marks, 'api'), e.at, e.received
        limit 1 by e.visitor, bitAnd(e.id, 9223372036854775807)
    ),
    touched as (
        select origin, agent
        from events
        where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and visitor global in (select visitor from stale)
    ),
    gaps as (
        select *,
            lagInFrame(at, 1, toDateTime64('1970-01-01', 3, 'UTC')) over (
                partition by visitor order by at, received, place, id rows between unbounded preceding and current row
            ) as previous,
            at > previous + interval 24 hour or (not is_report and at > previous + interval 30 minute) as begins_chain
        from facts
    ),
    chains as (
        select *,
            sum(begins_chain) over in_order as chain,
            maxIf(at, begins_chain) over in_order as first_of_chain,
            if(chain = 1, least(known_chain_started, first_of_chain), first_of_chain) as chain_began,
            bitShiftLeft(chain, 32) + intDiv(dateDiff('second', chain_began, at), 86400) as stretch
        from gaps
        window in_order as (partition by visitor order by at, received, place, id rows between unbounded preceding and current row)
    ),
    tagged as (
        select *,
            lagInFrame(stretch, 1) over in_order as last_stretch,
            anyLastIf(campaign, campaign != 0) over before as last_campaign,
            anyLastIf(stretch, campaign != 0) over before as stretch_of_campaign
        from chains
        window
            in_order as (partition by visitor order by at, received, place, id rows between unbounded preceding and current row),
            before as (partition by visitor order by at, received, place, id rows between unbounded preceding and 1 preceding)
    ),
    starts as (  -- a campaign is remembered within its stretch, so that no visit depends on one more than a day before
        select *,
            stretch != last_stretch
                or (is_view and campaign != 0 and (last_campaign, stretch_of_campaign) != (campaign, stretch)) as begins_visit
        from tagged
    ),
    numbered as (
        select visitor, id, at, received, chain_began, sum(begins_visit) over (
            partition by visitor order by at, received, place, id rows between unbounded preceding and current row
        ) as nth
        from starts
    ),
    grouped as (  -- each fact finds its visit, and only now brings its texts
        select
            e.visitor as visitor, n.nth as nth,
            arraySort(groupArrayIf((e.at, e.received, e.nth, e.id, e.path, e.status), e.kind = 'pageview')) as views,
            arraySort(one -> (one.1, one.2, one.3, one.4), groupArrayIf(
                (e.at, e.received, e.nth, e.id, e.name, e.value, e.path), e.kind = 'vital'
            )) as vitals,
            arraySort(one -> (one.1, one.2, one.3, one.4), groupArrayIf(
                (e.at, e.received, e.nth, e.id, e.kind, e.name, e.path, e.engaged_ms, e.scroll, e.amount, e.props),
                e.kind not in ('pageview', 'vital')
            )) as others,
            arrayFlatten(arrayMap(
                one -> arrayMap(goal -> (one.1, goal, one.5, one.6), one.7),
                arraySort(one -> (one.1, one.2, one.3, one.4), groupArrayIf(
                    (e.at, e.received, e.nth, e.id, e.path, e.amount, reached), notEmpty(reached)
                ))
            )) as goals,
            min(e.at) as first_at,
            max(e.at) as last_at,
            min((e.at, e.received, e.nth, e.id)).4 as first_id,
            argMin(
                -- a server need not know the browser; a browser that says nothing of itself is a robot
                (e.origin, if(has(e.marks, 'api') and e.agent = {nameless:UInt64}, 0, e.agent), e.country, e.city, e.network, e.language, e.host, e.born),
                (e.kind != 'pageview', e.at, e.received, e.nth, e.id)
            ) as opening,
            min(n.chain_began) as chain_began,
            least(
                sum(toUInt64(e.engaged_ms)), toUInt64(dateDiff('millisecond', first_at, last_at)) + 60000
            ) as attention_ms,
            -- no more than the column holds: what a thousand absurd orders make is absurd, but it must not stop the rest
            toDecimal64(greatest(-99999999999999, least(99999999999999, sum(money))), 4) as revenue,
            countIf(money > 0) as orders,
            max(e.keep_until) as keep
        from (
            select *,
                if(kind = 'event' and currency in ('', {currency:String}), amount, 0) as money,
                arrayMap(goal -> goal.1, arrayFilter(
                    goal -> (goal.2 = 'event' and kind in ('event', 'form', 'download', 'outbound') and name = goal.3)
                        or (goal.2 = 'page' and kind = 'pageview' and path like goal.3),
                    {goals:Array(Tuple(UInt32, String, String))}
                )) as reached
            from events
            where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and visitor global in (select visitor from stale)
        ) as e
        global any inner join numbered as n
            on e.visitor = n.visitor and e.id = n.id and e.at = n.at and e.received = n.received
        group by e.visitor, n.nth
    )
select
    {site:UInt32} as site,
    cityHash64({site:UInt32}, g.visitor, g.first_id) as visit,
    g.visitor as visitor,
    if(empty(g.views), g.first_at, g.views[1].1) as started,
    g.last_at as ended,
    g.first_at as opened,
    g.chain_began as chain_started,
    {version:UInt64} + 1 as version,
    0 as is_deleted,
    -- what a server tells, or a page that was left open, is no visit of somebody who came directly
    multiIf(empty(g.views), 'No visit', o.is_touch, o.channel, 'Direct') as channel,
    multiIf(empty(g.views), '(no visit)', o.is_touch, o.source, '(direct)') as source,
    if(o.is_touch, o.medium, '(none)') as medium,
    if(o.is_touch, o.campaign, '') as campaign,
    if(o.is_touch, o.term, '') as term,
    if(o.is_touch, o.content, '') as content,
    if(o.is_touch, o.click, '') as click,
    if(o.is_touch, o.referrer_host, '') as referrer_host,
    g.opening.3 as country,
    g.opening.4 as city,
    g.opening.5 as network,
    g.opening.6 as language,
    a.device as device,
    a.browser as browser,
    a.os as os,
    if(a.bot = '' and g.opening.5 = 'datacentre', 'datacentre', a.bot) as bot,
    a.bot_name as bot_name,
    multiIf(g.opening.8 = 0, 'unknown', started <= g.opening.8 + interval 30 minute, 'new', 'returning') as loyalty,
    g.opening.7 as host,
    if(empty(g.views), '', g.views[1].5) as entry,
    if(empty(g.views), '', g.views[-1].5) as exit,
    length(g.views) as pageviews,
    g.attention_ms as engaged_ms,
    g.attention_ms >= 10000 or length(g.views) > 1 as is_engaged,
    g.orders as orders,
    g.revenue as revenue,
    length(g.goals) as conversions,
    g.views.1, g.views.5, g.views.6,
    g.vitals.1, g.vitals.5, g.vitals.6, g.vitals.7,
    g.goals.1, g.goals.2, g.goals.3, g.goals.4,
    g.others.1, g.others.5, g.others.6, g.others.7, g.others.8, g.others.9, g.others.10, g.others.11,
    g.keep as keep_until
from grouped as g
global any left join (
    select * from origins final where site = {site:UInt32} and origin global in (select origin from touched)
) as o on o.origin = g.opening.1
global any left join (
    select * from agents final where agent global in (select agent from touched)
) as a on a.agent = g.opening.2
union all
-- A visit that is to be written over: nothing of it counts but where it stands.
select
    {site:UInt32}, v.visit, v.visitor, v.started, v.ended, v.opened, v.chain_started, {version:UInt64}, 1,
    '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', 0, 0, 0, 0, 0, 0,
    [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [],
    v.keep_until
from visit_rows as v final
global inner join stale as s on v.visitor = s.visitor
where v.site = {site:UInt32} and v.started >= {since:DateTime64(3, 'UTC')} and v.started >= s.since
    and v.visitor global in (select visitor from stale)
