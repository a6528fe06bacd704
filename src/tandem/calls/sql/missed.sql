-- answers: Which calls reached nobody, and when was each caller next spoken to or called?
-- grain: one row per missed incoming call; back_at is the epoch when that never happened
-- reads: call_rows, calls_received
with map(
    'channel', toString(m.channel), 'source', m.source, 'medium', m.medium, 'campaign', m.campaign, 'term', m.term,
    'content', m.content, 'entry', m.entry
) as facets
select
    m.call as call, m.at as at, m.line as line, m.caller as caller, m.outcome as outcome, m.channel as channel,
    if(m.caller = 0, 0, person_of(m.site, m.caller)) as person,
    arrayMin(arrayFilter(moment -> moment > m.at, b.moments)) as back_at
from calls_received as m
left join (
    select caller, groupArray(at) as moments
    from call_rows final
    where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and caller != 0
        and (direction = 'out' or outcome = 'answered')
    group by caller
) as b on b.caller = m.caller
where m.site = {site:UInt32} and m.at >= {since:DateTime64(3, 'UTC')} and m.at < {until:DateTime64(3, 'UTC')}
    and m.outcome in ('missed', 'busy', 'failed', 'voicemail')
    and arrayAll(
        f -> (f.2 in ('is', 'contains')) = toUInt8(if(
            f.2 in ('is', 'is_not'), has(f.3, facets[f.1]),
            arrayExists(part -> positionCaseInsensitiveUTF8(facets[f.1], part) > 0, f.3)
        )),
        {filters:Array(Tuple(String, String, Array(String)))}
    )
order by m.at desc, m.call
