-- A visit is engaged by its time and pages, whatever goals it reached: which of them count is chosen when it is asked.
-- Said here and not read from the rows, for those written by earlier versions hold every goal against it.

-- One row a visit with at least one page view.
create or replace view visits as /* shard by visitor */
select
    site, visit, visitor, started as at, ended, channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit, pageviews,
    engaged_ms, engaged_ms >= 10000 or pageviews > 1 as is_engaged, orders, revenue, conversions, `goals.goal` as goals
from visit_rows final
where pageviews > 0;
