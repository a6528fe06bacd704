-- Which visit was shown which number, from when to when. A lease that is written twice counts once.
create table if not exists lease_rows (
    site         UInt32,
    lease        UInt64,
    pool         UInt32,
    number       LowCardinality(String),
    visitor      UInt64,
    began        DateTime64(3, 'UTC'),
    seen         DateTime64(3, 'UTC'),
    tapped       DateTime64(3, 'UTC'),
    channel      LowCardinality(String),
    source       String,
    medium       String,
    campaign     String,
    term         String,
    content      String,
    entry        String,
    is_overflow  UInt8
) engine = ReplacingMergeTree
partition by toYYYYMM(began)
order by (site, number, began, lease);

-- Calls as the exchange told of them. `line` is our number; the caller is only a keyed hash. The newest version counts.
create table if not exists call_rows (
    site        UInt32,
    call        UInt64,
    at          DateTime64(3, 'UTC'),
    version     UInt64,
    system      LowCardinality(String),
    ref         String,
    line        LowCardinality(String),
    caller      UInt64,
    direction   LowCardinality(String),
    outcome     LowCardinality(String),
    wait_s      UInt32,
    talk_s      UInt32,
    operator    LowCardinality(String),
    recording   String,
    tag         LowCardinality(String)
) engine = ReplacingMergeTree(version)
partition by toYYYYMM(at)
order by (site, call);

-- Which visits a call may have come from, and how certain each is. The rows of the newest version count.
create table if not exists call_credit_rows (
    site       UInt32,
    call       UInt64,
    version    UInt64,
    nth        UInt8,
    visitor    UInt64,
    lease      UInt64,
    certainty  Float64,
    channel    LowCardinality(String),
    source     String,
    medium     String,
    campaign   String,
    term       String,
    content    String,
    entry      String,
    how        LowCardinality(String)
) engine = ReplacingMergeTree(version)
order by (site, call, nth);
