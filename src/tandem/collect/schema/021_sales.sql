-- Orders count wherever they were told: a shop's server tells some long after the last page, or without any visit of a browser.

-- One row a visit in which money was told: with pages or, where a server told it alone, without.
create or replace view sales as /* shard by visitor */
select
    site, visit, visitor, started as at, channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit, orders, revenue
from visit_rows final
where orders > 0 or revenue != 0;
