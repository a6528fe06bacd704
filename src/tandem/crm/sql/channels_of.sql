-- answers: To which channel did the rules put visits of these sources, mostly?
-- grain: one row per source and medium
-- reads: visits
select source, medium, argMax(channel, (visits, channel)) as channel
from (
    select lowerUTF8(source) as source, lowerUTF8(medium) as medium, toString(channel) as channel, count() as visits
    from visits
    where site = {site:UInt32} and lowerUTF8(source) in {sources:Array(String)} and bot = ''
    group by source, medium, channel
)
group by source, medium
