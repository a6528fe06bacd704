-- answers: Did a human view any page of this site before a moment?
-- grain: one row
-- reads: pageviews
select count() > 0
from (
    select 1 from pageviews
    where site = {site:UInt32} and bot = '' and at < {until:DateTime64(3, 'UTC')} and visit_started < {until:DateTime64(3, 'UTC')}
    limit 1
)
