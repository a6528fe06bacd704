-- answers: How many claims that nobody proved were kept of a site since the day began?
-- grain: one number
-- reads: identity_hints
select count()
from identity_hints
where site = {site:UInt32} and made >= {since:DateTime64(3, 'UTC')}
