-- The public face of this slice. Other slices read these views and nothing else.
-- `visit_started` is there to be filtered by: rows lie in its order, and a visit's hits are within a day of it.

-- One row a visit with at least one page view.
create or replace view visits as /* shard by visitor */
select
    site, visit, visitor, started as at, ended, channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit, pageviews,
    engaged_ms, is_engaged, orders, revenue, conversions
from visit_rows final
where pageviews > 0;

-- One row a page view; the visit's facts beside it.
create or replace view pageviews as /* shard by visitor */
select
    site, visit, visitor, started as visit_started, views.at as at, views.path as page, views.status as status,
    channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit
from visit_rows final
array join views.at, views.path, views.status;

-- One row a measured stretch of attention to a page.
create or replace view attention as /* shard by visitor */
select
    site, visit, visitor, started as visit_started, hits.at as at, hits.path as page, hits.engaged_ms as engaged_ms, hits.scroll as scroll,
    channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit
from visit_rows final
array join hits.at, hits.kind, hits.path, hits.engaged_ms, hits.scroll
where hits.kind = 'engage';

-- One row a thing somebody did: own events, outbound links, downloads, forms, site search.
create or replace view actions as /* shard by visitor */
select
    site, visit, visitor, started as visit_started, hits.at as at, hits.kind as kind, hits.name as name, hits.path as page, hits.amount as amount,
    hits.props as props, channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit
from visit_rows final
array join hits.at, hits.kind, hits.name, hits.path, hits.amount, hits.props
where hits.kind != 'engage';

-- One row a goal reached: a hit that meets two goals stands here twice.
create or replace view conversions as /* shard by visitor */
select
    site, visit, visitor, started as visit_started, goals.at as at, goals.goal as goal, goals.path as page, goals.amount as amount,
    channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit
from visit_rows final
array join goals.at, goals.goal, goals.path, goals.amount
where conversions > 0;

-- One row a measured web vital.
create or replace view vitals as /* shard by visitor */
select
    site, visit, visitor, started as visit_started, vitals.at as at, vitals.name as vital, vitals.value as value, vitals.path as page,
    channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit
from visit_rows final
array join vitals.at, vitals.name, vitals.value, vitals.path;
