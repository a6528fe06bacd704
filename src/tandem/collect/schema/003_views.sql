-- The public face of this slice. Other slices read these views and nothing else.

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
    site, visit, visitor, hits.at as at, hits.path as page, hits.status as status,
    channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit
from visit_rows final
array join hits.at, hits.kind, hits.path, hits.status
where hits.kind = 'pageview';

-- One row a measured stretch of attention to a page.
create or replace view attention as /* shard by visitor */
select
    site, visit, visitor, hits.at as at, hits.path as page, hits.engaged_ms as engaged_ms, hits.scroll as scroll,
    channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit
from visit_rows final
array join hits.at, hits.kind, hits.path, hits.engaged_ms, hits.scroll
where hits.kind = 'engage';

-- One row a thing somebody did: own events, outbound links, downloads, forms, site search.
create or replace view actions as /* shard by visitor */
select
    site, visit, visitor, hits.at as at, hits.kind as kind, hits.name as name, hits.path as page, hits.amount as amount,
    hits.props as props, channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit
from visit_rows final
array join hits.at, hits.kind, hits.name, hits.path, hits.amount, hits.props
where hits.kind in ('event', 'outbound', 'download', 'form', 'search');

-- One row a goal reached: a hit that meets two goals stands here twice.
create or replace view conversions as /* shard by visitor */
select
    site, visit, visitor, hits.at as at, arrayJoin(hits.goals) as goal, hits.path as page, hits.amount as amount,
    channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit
from visit_rows final
array join hits.at, hits.goals, hits.path, hits.amount
where conversions > 0 and notEmpty(hits.goals);

-- One row a measured web vital.
create or replace view vitals as /* shard by visitor */
select
    site, visit, visitor, hits.at as at, hits.name as vital, hits.value as value, hits.path as page,
    channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit
from visit_rows final
array join hits.at, hits.kind, hits.name, hits.value, hits.path
where hits.kind = 'vital';
