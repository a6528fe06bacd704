-- The public face of this slice.

-- One row a call and candidate with its weight; what is missing to 1 is a row of nobody, so that weights sum to 1 a call.
create or replace view call_credits_received as
select
    c.site as site, c.call as call, c.at as at, c.line as line, c.caller as caller, c.outcome as outcome, c.talk_s as talk_s,
    one.1 as visitor, one.2 as weight, one.3 as channel, one.4 as source, one.5 as medium, one.6 as campaign, one.7 as term,
    one.8 as content, one.9 as entry
from (select * from call_rows final where direction = 'in') as c
left join (
    select
        site, call,
        groupArray((visitor, certainty, toString(channel), source, medium, campaign, term, content, entry)) as found
    from (
        select *, max(version) over (partition by site, call) as newest
        from call_credit_rows final
    )
    where version = newest and certainty > 0
    group by site, call
) as k on c.site = k.site and c.call = k.call
array join arrayConcat(
    k.found,
    if(
        arraySum(x -> x.2, k.found) < 1 - 1e-9,
        [(toUInt64(0), 1 - arraySum(x -> x.2, k.found), '', '', '', '', '', '', '')], []
    )
) as one;

-- One row an incoming call, with the source of its most certain visit.
create or replace view calls_received as
select
    c.site as site, c.call as call, c.at as at, c.system as system, c.line as line, c.caller as caller, c.outcome as outcome,
    c.wait_s as wait_s, c.talk_s as talk_s, c.operator as operator, c.recording as recording, c.tag as tag,
    c.caller != 0 and c.at = min(c.at) over (partition by c.site, c.caller) as is_first,
    k.visitor as visitor, k.certainty as certainty, k.channel as channel, k.source as source, k.medium as medium,
    k.campaign as campaign, k.term as term, k.content as content, k.entry as entry, k.how as how
from (select * from call_rows final where direction = 'in') as c
left join (
    select *
    from call_credit_rows final
    order by site, call, version desc, certainty desc
    limit 1 by site, call
) as k on c.site = k.site and c.call = k.call;

-- The names that these views had before, on one node and on the shards of a cluster.
drop table if exists calls_heard;
drop table if exists calls_heard_local;
drop table if exists call_credits_heard;
drop table if exists call_credits_heard_local;
