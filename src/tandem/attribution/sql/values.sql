-- answers: Which values does a split have, and by what number do the other questions call them?
-- grain: one row per value of the split
-- reads: touches
select cityHash64(value) as code, value
from (
    select distinct {by:Identifier} as value
    from touches
    where site = {site:UInt32} and (bot = '' or {with_bots:UInt8})
      and at >= {since:DateTime64(3, 'UTC')} - toIntervalDay({window:UInt32}) and at < {until:DateTime64(3, 'UTC')}
)
