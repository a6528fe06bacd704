-- answers: What happened on a site in a span of time, or what did one person do there?
-- grain: one row per event
-- reads: agents, events
-- In a CSV file an apostrophe stands before a text that a spreadsheet would take for a formula, and within one wherever
-- a spreadsheet may part cells, as in base/csv_cells.py: `pieces` are cut there, each with its separator in front.
with
    (x -> extractAll(x, '[;,|\\t\\r\\n][^;,|\\t\\r\\n]*|[^;,|\\t\\r\\n]+')) as pieces,
    (x -> match(x, '^[;,|\\t\\r\\n][ \\f\\v"]*[=+@＝＋－＠-]')
        and not match(x, '^[;,|\\t\\r\\n] *([+-]?\\d+(\\.\\d+)?([eE][+-]?\\d+)?$|\\+https?://)')) as is_formula,
    (x -> if({is_csv:UInt8} = 1 and match(x, '[;,|\\t\\r\\n][ \\f\\v"]*[=+@＝＋－＠-]'),
        arrayStringConcat(arrayMap(y -> if(is_formula(y), concat(left(y, 1), '\'', substring(y, 2)), y), pieces(x))),
        x)) as within,
    (x -> if({is_csv:UInt8} = 1 and match(x, '^\\s*[=+@＝＋－＠-]'), concat('\'', within(x)), within(x))) as safe
select
    leftPad(lower(hex(e.id)), 16, '0') as id,
    leftPad(lower(hex(e.visitor)), 16, '0') as visitor,
    formatDateTime(e.at, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC') as at,
    formatDateTime(e.received, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC') as received,
    e.kind as kind, safe(e.name) as name, safe(e.host) as host, safe(e.path) as path, safe(e.query) as query,
    safe(e.referrer) as referrer, safe(e.language) as language, e.width as width, safe(e.country) as country,
    safe(e.city) as city, safe(e.network) as network,
    safe(a.user_agent) as user_agent, e.engaged_ms as engaged_ms, e.scroll as scroll, e.value as value,
    e.amount as amount, safe(e.currency) as currency,
    mapApply((k, v) -> (within(k), within(v)), e.props) as props, e.status as status, e.marks as marks
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
order by e.at, e.received, e.nth, e.id
