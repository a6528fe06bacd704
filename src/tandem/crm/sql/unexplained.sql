-- answers: How many records of each connection say something that nobody has explained: a stage, or the currency of an amount?
-- grain: one row per connection with such records
-- reads: deals
select
    connection, countIf(stage_kind = 'unknown') as staged, uniqExactIf((kind, stage), stage_kind = 'unknown') as stages,
    countIf(original_amount is not null and not has({currencies:Array(String)}, toString(currency))) as priced,
    arraySort(groupUniqArrayIf(5)(
        toString(currency), original_amount is not null and not has({currencies:Array(String)}, toString(currency))
    )) as words
from deals
where site = {site:UInt32}
group by connection
having staged > 0 or priced > 0
