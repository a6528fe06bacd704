-- What reports of ad systems said, as loaded: one row a day and campaign, group, ad or keyword. A row counts only while
-- its load is the one that ad_loads names for its account and day; so a load appears and goes as a whole.
-- `campaign_key` and `term_key` are the names as they are compared (ads/model.py).
create table if not exists ad_rows (
    site                  UInt32,
    on                    Date,
    at                    DateTime64(3, 'UTC'),
    load                  UInt64,
    system                LowCardinality(String),
    account               LowCardinality(String),
    level                 LowCardinality(String),
    channel               LowCardinality(String),
    source                LowCardinality(String),
    medium                LowCardinality(String),
    campaign              LowCardinality(String),
    campaign_id           LowCardinality(String),
    campaign_key          LowCardinality(String),
    ad_group              String,
    ad_group_id           String,
    ad                    String,
    ad_id                 String,
    term                  String,
    term_id               String,
    term_key              String,
    impressions           UInt64,
    clicks                UInt64,
    cost                  Decimal(18, 4),
    original_cost         Decimal(18, 4),
    currency              LowCardinality(String),
    platform_conversions  Decimal(18, 4)
) engine = MergeTree
partition by toYYYYMM(on)
order by (site, on, load, campaign)
settings non_replicated_deduplication_window = 1000;

-- Which load counts for an account's day (0: none any more), and when that day begins and ends in the site's zone.
create table if not exists ad_loads (
    site     UInt32,
    system   LowCardinality(String),
    account  String,
    on       Date,
    begins   DateTime64(3, 'UTC'),
    ends     DateTime64(3, 'UTC'),
    load     UInt64,
    version  UInt64
) engine = ReplacingMergeTree(version)
order by (site, system, account, on);
