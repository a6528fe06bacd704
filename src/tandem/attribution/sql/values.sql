-- answers: Which values does a split have, and by what number do the other questions call them?
-- grain: one row per value of the split
-- reads: touches, conversion_facts, outside_facts
select cityHash64(value) as code, value
from (
    select distinct {by:Identifier} as value
    from touches
    where site = {site:UInt32} and (bot = '' or {with_bots:UInt8})
      and at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({window:UInt32}) and at < {until:DateTime64(3, 'UTC')}
    union distinct
    select {by:Identifier}
    from {facts:Identifier}
    where is_told and site = {site:UInt32} and kind = {kind:String} and key = {key:String}
      and at >= {since:DateTime64(3, 'UTC')} and at < {until:DateTime64(3, 'UTC')}
)
