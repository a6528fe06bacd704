-- answers: Which calls came in this short time?
-- grain: one row per incoming call
-- reads: call_credit_rows, call_rows
--
-- Asked every three seconds: it reads the month's calls and these calls' credits, and nothing of the history. The view of
-- calls looks for everybody's first one and would read all.
with recent as (
    select call, at, caller, outcome
    from call_rows final
    where site = {site:UInt32} and direction = 'in'
        and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
    order by at desc, call
    limit {most:UInt32}
)
select
    c.at as at, c.caller as caller, c.outcome as outcome, toString(k.channel) as channel, k.source as source,
    k.campaign as campaign, k.term as term, if(c.caller = 0, 0, person_of({site:UInt32}, c.caller)) as person
from recent as c
left join (
    select call, channel, source, campaign, term
    from call_credit_rows final
    where site = {site:UInt32} and call in (select call from recent)
    order by call, version desc, certainty desc
    limit 1 by call
) as k on c.call = k.call
order by c.at desc, c.call
