-- Visits tell which goals they reached: what counts as a conversion is chosen when it is asked, not when visits are derived.

-- One row a visit with at least one page view.
create or replace view visits as /* shard by visitor */
select
    site, visit, visitor, started as at, ended, channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit, pageviews,
    engaged_ms, is_engaged, orders, revenue, conversions, `goals.goal` as goals
from visit_rows final
where pageviews > 0;
