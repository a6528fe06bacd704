-- Conclusions: one row a visit, with all that happened in it: page views, vitals, goals reached, and other hits.
-- `opened` is its first hit of any kind, `started` its first page view. Derived from events again whenever late facts or better
-- rules ask for it; a visit that no longer exists is written once more as deleted.
create table if not exists visit_rows (
    site              UInt32,
    visit             UInt64,
    visitor           UInt64,
    started           DateTime64(3, 'UTC'),
    ended             DateTime64(3, 'UTC'),
    opened            DateTime64(3, 'UTC'),
    chain_started     DateTime64(3, 'UTC'),
    version           UInt64,
    is_deleted        UInt8,
    channel           LowCardinality(String),
    source            String codec(ZSTD),
    medium            LowCardinality(String),
    campaign          LowCardinality(String),
    term              String codec(ZSTD),
    content           String codec(ZSTD),
    click             LowCardinality(String),
    referrer_host     LowCardinality(String),
    country           LowCardinality(String),
    city              LowCardinality(String),
    network           LowCardinality(String),
    language          LowCardinality(String),
    device            LowCardinality(String),
    browser           LowCardinality(String),
    os                LowCardinality(String),
    bot               LowCardinality(String),
    bot_name          LowCardinality(String),
    loyalty           LowCardinality(String),
    host              LowCardinality(String),
    entry             String codec(ZSTD),
    exit              String codec(ZSTD),
    pageviews         UInt32,
    engaged_ms        UInt64,
    is_engaged        UInt8,
    orders            UInt32,
    revenue           Decimal(18, 4),
    conversions       UInt32,
    `views.at`        Array(DateTime64(3, 'UTC')),
    `views.path`      Array(String),
    `views.status`    Array(UInt16),
    `vitals.at`       Array(DateTime64(3, 'UTC')),
    `vitals.name`     Array(LowCardinality(String)),
    `vitals.value`    Array(Float64),
    `vitals.path`     Array(String),
    `goals.at`        Array(DateTime64(3, 'UTC')),
    `goals.goal`      Array(UInt32),
    `goals.path`      Array(String),
    `goals.amount`    Array(Decimal(18, 4)),
    `hits.at`         Array(DateTime64(3, 'UTC')),
    `hits.kind`       Array(LowCardinality(String)),
    `hits.name`       Array(String),
    `hits.path`       Array(String),
    `hits.engaged_ms` Array(UInt32),
    `hits.scroll`     Array(UInt8),
    `hits.amount`     Array(Decimal(18, 4)),
    `hits.props`      Array(Map(String, String)),
    keep_until        Date default '2149-06-06'
) engine = ReplacingMergeTree(version, is_deleted)
partition by toYYYYMM(started)
order by (site, toDate(started), visitor, visit) /* shard by visitor */
ttl keep_until;

-- Which visitors' visits are to be derived again, and from when; one batch a load.
create table if not exists stale_visits (
    batch          UInt64,
    visitor        UInt64,
    since          DateTime64(3, 'UTC'),
    chain_started  DateTime64(3, 'UTC'),
    made           DateTime default now()
) engine = MergeTree
order by (batch, visitor) /* shard by visitor */
ttl made + interval 1 day;
