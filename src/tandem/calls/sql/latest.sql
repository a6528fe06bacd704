-- answers: Which calls came, in the order and as searched for?
-- grain: one row per incoming call
-- reads: calls_received
with map(
    'channel', toString(channel), 'source', source, 'medium', medium, 'campaign', campaign, 'term', term,
    'content', content, 'entry', entry
) as facets
select
    call, at, line, caller, outcome, wait_s, talk_s, operator, recording, tag, is_first, certainty, channel, source, campaign,
    term, how, if(caller = 0, 0, person_of(site, caller)) as person
from calls_received
where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
    and arrayAll(
        f -> (f.2 in ('is', 'contains')) = toUInt8(if(
            f.2 in ('is', 'is_not'), has(f.3, facets[f.1]),
            arrayExists(part -> positionCaseInsensitiveUTF8(facets[f.1], part) > 0, f.3)
        )),
        {filters:Array(Tuple(String, String, Array(String)))}
    )
    and ({search:String} = '' or positionCaseInsensitiveUTF8(
        arrayStringConcat([
            line, toString(channel), source, campaign, term, toString(outcome), operator, tag
        ], '\n'),
        {search:String}
    ) > 0)
order by
    if({is_rising:UInt8} = 1, 1, -1) * multiIf(
        {sort:String} = 'wait', toInt64(wait_s), {sort:String} = 'talk', toInt64(talk_s),
        {sort:String} = 'certainty', toInt64(certainty * 1e6), toUnixTimestamp64Milli(at)
    ),
    at desc, call
limit {most:UInt32}
