-- answers: Has any event of this site an amount without a currency of its own, so that the site's counts?
-- grain: one row
-- reads: events
select count() > 0 from events where site = {site:UInt32} and amount != 0 and currency = ''
