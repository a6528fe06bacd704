-- Records of CRM systems: leads and deals as last told. The newest snapshot counts. Keys only: names, phones and e-mails lie
-- sealed in the record store. `node` is the key of the contact (of the record, when it has none). `amount` is in the
-- site's currency by the day's rate, NULL while no rate or no amount is known; `original_amount` as told.
create table if not exists deal_rows (
    site             UInt32,
    deal             UInt64,
    version          UInt64,
    is_deleted       UInt8,
    connection       UInt32,
    system           LowCardinality(String),
    ref              String,
    kind             LowCardinality(String),
    parent           UInt64,
    at               DateTime64(3, 'UTC'),
    updated          DateTime64(3, 'UTC'),
    closed           DateTime64(3, 'UTC'),
    stage            LowCardinality(String),
    stage_kind       LowCardinality(String),
    pipeline         LowCardinality(String),
    amount           Nullable(Decimal(18, 4)),
    refunded         Decimal(18, 4),
    cost             Nullable(Decimal(18, 4)),
    original_amount  Nullable(Decimal(18, 4)),
    original_refund  Decimal(18, 4),
    original_cost    Nullable(Decimal(18, 4)),
    currency         LowCardinality(String),
    source_text      String,
    utm_source       String,
    utm_medium       String,
    utm_campaign     String,
    utm_term         String,
    utm_content      String,
    click            LowCardinality(String),
    visitor          UInt64,
    node             UInt64,
    phone            UInt64,
    email            UInt64,
    responsible      LowCardinality(String)
) engine = ReplacingMergeTree(version)
order by (site, deal)
settings non_replicated_deduplication_window = 1000;

-- In which stage each record was seen when: one row a record, moment and stage, whatever the order in which they came.
create table if not exists deal_snapshots (
    site        UInt32,
    deal        UInt64,
    node        UInt64,
    at          DateTime64(3, 'UTC'),
    stage       String,
    stage_kind  LowCardinality(String),
    version     UInt64
) engine = ReplacingMergeTree(version)
order by (site, deal, at, stage)
settings non_replicated_deduplication_window = 1000;

-- Where each record came from: derived from visits and persons, and again when these become known later.
create table if not exists deal_origins (
    site      UInt32,
    deal      UInt64,
    node      UInt64,
    version   UInt64,
    visit     UInt64,
    visitor   UInt64,
    channel   LowCardinality(String),
    source    String,
    medium    String,
    campaign  String,
    term      String,
    content   String,
    entry     String,
    how       LowCardinality(String)
) engine = ReplacingMergeTree(version)
order by (site, deal)
settings non_replicated_deduplication_window = 1000;
