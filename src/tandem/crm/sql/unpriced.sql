-- answers: Which records have an amount that could not be converted yet?
-- grain: one row per lead or deal
-- reads: deal_rows
select *
from deal_rows final
where site = {site:UInt32} and is_deleted = 0 and original_amount is not null and amount is null
    and match(currency, '^[A-Z]{3}$') and currency != 'XXX'  -- of others nobody publishes a rate
limit 5000
