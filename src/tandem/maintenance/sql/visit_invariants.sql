-- answers: Do visitors, visits and page views of the last weeks fit together?
-- grain: one row
-- reads: events, pageviews, visits
select
    v.visitors as visitors, v.visits as visits, v.views as counted, p.views as listed, e.views as facts
from (
    select uniqExact(visitor) as visitors, count() as visits, sum(pageviews) as views
    from visits
    where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')}
) as v
cross join (
    select count() as views
    from pageviews
    where site = {site:UInt32} and (visitor, visit) in (
        select visitor, visit from visits where site = {site:UInt32} and at >= {since:DateTime64(3, 'UTC')}
    )
) as p
cross join (
    select count() as views
    from events
    where site = {site:UInt32} and kind = 'pageview' and at >= {since:DateTime64(3, 'UTC')}
) as e
