-- answers: What happened on a site in a span of time, or what did one person do there?
-- grain: one row per event
-- reads: agents, events
select
    leftPad(lower(hex(e.id)), 16, '0') as id,
    leftPad(lower(hex(e.visitor)), 16, '0') as visitor,
    formatDateTime(e.at, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC') as at,
    formatDateTime(e.received, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC') as received,
    e.kind as kind, e.name as name, e.host as host, e.path as path, e.query as query, e.referrer as referrer,
    e.language as language, e.width as width, e.country as country, e.city as city, e.network as network,
    a.user_agent as user_agent, e.engaged_ms as engaged_ms, e.scroll as scroll, e.value as value, e.amount as amount,
    e.currency as currency, e.props as props, e.status as status, e.marks as marks
from (
    select *
    from events
    where site = {site:UInt32}
        and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
        and (empty({nodes:Array(UInt64)}) or visitor in {nodes:Array(UInt64)})
    order by at, received
    limit 1 by visitor, id
) as e
global any left join (select agent, user_agent from agents final) as a on a.agent = e.agent
order by e.at, e.id
