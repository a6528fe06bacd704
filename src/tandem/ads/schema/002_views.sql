-- The public face of this slice.

-- Which report counts for a day of an account, and when the day begins and ends.
create or replace view ad_loaded as
select site, system, account, on, begins, ends, load
from ad_loads final
where load != 0;

-- What ads cost: one row a day and campaign, group, ad or keyword, by the load that counts. `at` is noon of the day in the
-- site's zone; `cost` is in the site's currency by the day's rate, `original_cost` in the account's.
create or replace view ad_days as
select
    site, at, on, system, account, level, channel, source, medium, campaign, campaign_id, campaign_key, ad_group,
    ad_group_id, ad, ad_id, term, term_id, term_key, impressions, clicks, cost, original_cost, currency,
    platform_conversions, load
from ad_rows
where (load, on) in (select load, on from ad_loaded);
