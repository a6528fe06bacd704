-- Facts: what browsers and servers told us, once each, never changed. Visits are derived from them (002).
-- `origin` and `agent` are keys of what the rules made of referrer and tags, and of the user agent.
create table if not exists events (
    site        UInt32,
    id          UInt64,
    visitor     UInt64,
    at          DateTime64(3, 'UTC') codec(Delta, ZSTD),
    received    DateTime64(3, 'UTC') codec(Delta, ZSTD),
    kind        LowCardinality(String),
    name        String codec(ZSTD),
    host        LowCardinality(String),
    path        String codec(ZSTD),
    query       String codec(ZSTD),
    referrer    String codec(ZSTD),
    origin      UInt64,
    campaign    UInt64,
    agent       UInt64,
    language    LowCardinality(String),
    width       UInt16,
    country     LowCardinality(String),
    city        LowCardinality(String),
    network     LowCardinality(String),
    born        DateTime('UTC'),
    engaged_ms  UInt32,
    scroll      UInt8,
    value       Float64,
    amount      Decimal(18, 4),
    currency    LowCardinality(String),
    props       Map(LowCardinality(String), String),
    status      UInt16,
    marks       Array(LowCardinality(String)),
    keep_until  Date default '2149-06-06'
) engine = MergeTree
partition by toYYYYMM(at)
order by (site, toDate(at), visitor, at, id) /* shard by visitor */
ttl keep_until
settings non_replicated_deduplication_window = 1000;

-- What the current rules make of each referrer with its tags. Replaced when the rules get better.
create table if not exists origins (
    site           UInt32,
    origin         UInt64,
    rules          UInt32,
    referrer_host  String,
    referrer_path  String,
    tag_source     String,
    tag_medium     String,
    tag_campaign   String,
    tag_term       String,
    tag_content    String,
    click          LowCardinality(String),
    is_touch       UInt8,
    channel        LowCardinality(String),
    source         String,
    medium         String,
    campaign       String,
    term           String,
    content        String
) engine = ReplacingMergeTree(rules)
order by (site, origin);

-- What the current rules make of each user agent.
create table if not exists agents (
    agent            UInt64,
    rules            UInt32,
    user_agent       String codec(ZSTD),
    browser          LowCardinality(String),
    browser_version  LowCardinality(String),
    os               LowCardinality(String),
    os_version       LowCardinality(String),
    device           LowCardinality(String),
    bot              LowCardinality(String),
    bot_name         LowCardinality(String)
) engine = ReplacingMergeTree(rules)
order by agent;

-- The ledger of reception: what came in and what became of it, counted by the loader segment by segment.
create table if not exists reception (
    site     UInt32,
    on       Date,
    outcome  LowCardinality(String),
    count    UInt64,
    batch    String
) engine = MergeTree
order by (site, on, outcome)
settings non_replicated_deduplication_window = 1000;
