-- The public face of this slice.

-- Ad systems by the click id, else by the source; and names as they are compared, for the same campaign is written in
-- several ways in links, in reports and in CRMs.
create or replace function ad_system_of as (click, source) -> multiIf(
    click in ('gclid', 'wbraid', 'gbraid', 'gad_source', 'dclid'), 'google',
    click = 'yclid', 'yandex',
    click = 'msclkid', 'microsoft',
    click = 'ttclid', 'tiktok',
    click in ('vkclid', 'rb_clickid'), 'vk',
    match(source, '^(google|adwords|youtube)'), 'google',
    match(source, '^(yandex|ya\\.|ya$|direct$)'), 'yandex',
    match(source, '^(bing|microsoft|msn)'), 'microsoft',
    match(source, '^([lm]\\.)?(facebook|fb$|instagram|ig$|meta$)') or click = 'fbclid', 'meta',
    match(source, '^(vk|vkontakte|mytarget|target\\.my)'), 'vk',
    match(source, '^tiktok'), 'tiktok',
    'other'
);

create or replace function ad_key as (name) ->
    trim(replaceRegexpAll(lowerUTF8(name), '[\\s\\x{00a0}_+]+|%20', ' '));

create or replace function ad_term_key as (term) ->
    ad_key(splitByString(' -', replaceRegexpAll(term, '["\'\\[\\]!]', ''))[1]);

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

-- Visits that somebody paid for, people only: the ad system by the click id, else by the source; names as they are compared.
create or replace view ad_touches as /* shard by visitor */
select
    site, visit, visitor, at, channel, source, medium, campaign, term, content, click, conversions, orders, revenue,
    has([
        'gclid', 'wbraid', 'gbraid', 'gad_source', 'dclid', 'yclid', 'msclkid', 'ttclid', 'vkclid', 'rb_clickid'
    ], click::String) as has_click,
    ad_system_of(click::String, source) as system,
    ad_key(campaign) as campaign_key,
    ad_term_key(term) as term_key
from visits
where bot = '' and (
    has_click or channel in (
        'Paid Search', 'Paid Social', 'Paid Video', 'Paid Shopping', 'Paid Other', 'Display', 'Cross-network'
    )
);

-- The same visits with what they were matched to: the cost of their campaign and keyword on their day, or of their system
-- by the click id; '' where there is none. Names are the ad system's where it knows them.
create or replace view ad_visits as /* shard by visitor */
select
    v.site as site, v.visit as visit, v.visitor as visitor, v.at as at, v.channel as channel, v.source as source,
    v.medium as medium, v.content as content, v.click as click, v.conversions as conversions, v.orders as orders,
    v.revenue as revenue, v.system as system, v.campaign as tag,
    if(v.at < d.day_ends, d.on, toDate(0)) as on,
    if(v.at < d.day_ends and k.known_campaign != '', k.known_campaign, v.campaign) as campaign,
    if(v.at < d.day_ends and w.known_term != '', w.known_term, v.term) as term,
    multiIf(
        v.at >= d.day_ends, '',
        k.known_campaign != '' and w.known_term != '', 'keyword',
        k.known_campaign != '', 'campaign',
        v.has_click and v.system != 'other', 'click',
        ''
    ) as matched_by
from (
    select t.*, b.day as near_on
    from ad_touches as t
    asof left join (
        select site, system, begins, min(on) as day from ad_loaded group by site, system, begins
    ) as b on t.site = b.site and t.system = b.system and t.at >= b.begins
) as v
any left join (
    select site, system, on, max(ends) as day_ends from ad_loaded group by site, system, on
) as d on v.site = d.site and v.system = d.system and v.near_on = d.on
any left join (
    select site, system, on, key, min(toString(campaign)) as known_campaign
    from ad_days
    array join arrayFilter(one -> one != '', [toString(campaign_key), toString(campaign_id)]) as key
    group by site, system, on, key
) as k on v.site = k.site and v.system = k.system and v.near_on = k.on and v.campaign_key = k.key
any left join (
    select site, system, campaign, key, min(term) as known_term
    from ad_days
    array join arrayFilter(one -> one != '', [term_key, term_id]) as key
    where term != ''
    group by site, system, campaign, key
) as w on v.site = w.site and v.system = w.system and k.known_campaign = w.campaign and v.term_key = w.key;

-- What ads cost, and whether visits of the campaign came on that day.
create or replace view ad_matches as
select
    site, at, on, system, account, level, channel, source, medium, campaign, campaign_id, ad_group, ad, term,
    impressions, clicks, cost,
    (site, system, on, campaign) global in (
        select site, system, on, campaign from ad_visits where matched_by in ('keyword', 'campaign')
    ) as is_matched
from ad_days;

-- Leads and deals that paid channels brought, by the names of the ad system: the newest report that had begun when the
-- record was created and that has a campaign so named or so numbered. `is_costed`: there is one. A visit knows its day's
-- report; a lead may come weeks after its click, or without a visit.
create or replace view ad_leads as
select
    d.site as site, d.at as at, d.deal as deal, d.kind as kind, d.parent as parent, d.stage_kind as stage_kind,
    d.is_qualified as is_qualified, d.amount as amount, d.refunded as refunded, d.visitor as visitor,
    d.channel as channel, d.source as source, d.medium as medium, d.content as content, d.ad_system as system,
    if(k.known_campaign != '', k.known_campaign, d.campaign) as campaign,
    if(w.known_term != '', w.known_term, d.term) as term, k.known_campaign != '' as is_costed
from (
    select *, ad_system_of('', source) as ad_system, ad_key(campaign) as campaign_key, ad_term_key(term) as term_key
    from deals
    where channel in (
        'Paid Search', 'Paid Social', 'Paid Video', 'Paid Shopping', 'Paid Other', 'Display', 'Cross-network'
    )
) as d
asof left join (
    select site, system, key, min(at) - interval 12 hour as begins, min(toString(campaign)) as known_campaign
    from ad_days
    array join arrayFilter(one -> one != '', [toString(campaign_key), toString(campaign_id)]) as key
    group by site, system, on, key
) as k on d.site = k.site and d.ad_system = k.system and d.campaign_key = k.key and d.at >= k.begins
any left join (
    select site, system, campaign, key, min(term) as known_term
    from ad_days
    array join arrayFilter(one -> one != '', [term_key, term_id]) as key
    where term != ''
    group by site, system, campaign, key
) as w on d.site = w.site and d.ad_system = w.system and k.known_campaign = w.campaign and d.term_key = w.key;
