-- Telling who one is (identify) is no action on the page.

-- One row a thing somebody did: own events, outbound links, downloads, forms, site search.
create or replace view actions as /* shard by visitor */
select
    site, visit, visitor, started as visit_started, hits.at as at, hits.kind as kind, hits.name as name, hits.path as page, hits.amount as amount,
    hits.props as props, channel, source, medium, campaign, term, content, click, referrer_host,
    country, city, network, language, device, browser, os, bot, bot_name, loyalty, host, entry, exit
from visit_rows final
array join hits.at, hits.kind, hits.name, hits.path, hits.amount, hits.props
where hits.kind not in ('engage', 'identify');
