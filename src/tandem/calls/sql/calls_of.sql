-- answers: Which calls were from or to these phones, or came from a visit of these browsers with certainty?
-- grain: one row per call
-- reads: call_rows, calls_received
select
    c.at as at, c.direction as direction, c.outcome as outcome, c.line as line, c.wait_s as wait_s, c.talk_s as talk_s,
    c.operator as operator, c.tag as tag, h.channel as channel, h.source as source, h.campaign as campaign, h.term as term,
    h.certainty as certainty
from (select * from call_rows final where site = {site:UInt32}) as c
left join (select * from calls_received where site = {site:UInt32}) as h on h.call = c.call
where (c.caller != 0 and c.caller in {nodes:Array(UInt64)})
    or (h.visitor != 0 and h.certainty >= {certain:Float64} and h.visitor in {nodes:Array(UInt64)})
order by c.at desc, c.call
limit {most:UInt32}
