-- answers: Is there an amount that could not be converted yet?
-- grain: one row
-- reads: deal_rows
select count() > 0
from deal_rows final
where is_deleted = 0 and original_amount is not null and amount is null
    and match(currency, '^[A-Z]{3}$') and currency != 'XXX'  -- of others nobody publishes a rate
