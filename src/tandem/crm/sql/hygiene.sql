-- answers: Which leads and deals of this time does somebody owe something?
-- grain: one row per record and issue, at most so many each; `records` and `worth` are of all of them
-- reads: deals
select
    issue, count() over (partition by issue) as records, sum(d.amount) over (partition by issue) as worth, d.deal as deal,
    toString(d.kind) as kind, toString(d.system) as system, d.ref as ref, d.at as at, toString(d.stage) as stage, toString(d.channel) as channel,
    toString(d.responsible) as responsible, d.amount as amount, d.person as person, d.last_moved as last_moved
from (
    select
        deal, system, ref, at, stage, channel, responsible, amount, person, last_moved, parent, stage_kind, kind, how, first_moved,
        stage_kind in ('open', 'qualified') as is_open,
        countIf(phone != 0 and parent = 0 and stage_kind in ('open', 'qualified')) over (partition by phone, kind) as alike,
        arrayFilter(x -> x != '', [
            if(is_open and parent = 0 and phone != 0 and alike > 1, 'duplicate', ''),
            if(parent = 0 and how = '', 'sourceless', ''),
            if(
                parent = 0 and stage_kind = 'open' and first_moved = toDateTime64(0, 3, 'UTC')
                    and at < {waited:DateTime64(3, 'UTC')}, 'waiting', ''
            ),
            if(is_open and last_moved < {still:DateTime64(3, 'UTC')}, 'still', ''),
            if(kind = 'deal' and stage_kind = 'won' and amount is null, 'unpriced', '')
        ]) as issues
    from deals
    where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
) as d
array join d.issues as issue
order by issue, at desc, deal
limit {most:UInt32} by issue
