-- What the import of a file replaced: records as they stood before, so that the import can be undone. `wrote` is the version
-- that the import gave to a record, `own` its node by the file; `version` is 0 for a record that nobody knew before. Its
-- steps and the evidence in it stand in arrays, as they were before too.
create table if not exists deal_befores (
    site             UInt32,
    import           UInt32,
    wrote            UInt64,
    own              UInt64,
    step_nodes       Array(UInt64),
    step_moments     Array(DateTime64(3, 'UTC')),
    step_stages      Array(String),
    step_kinds       Array(String),
    step_versions    Array(UInt64),
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
    responsible      LowCardinality(String),
    lost_reason      LowCardinality(String)
) engine = ReplacingMergeTree(wrote)
order by (site, import, deal)
settings fsync_after_insert = 1, fsync_part_directory = 1;

-- The evidence that was in these records before.
create table if not exists deal_evidence_before (
    site    UInt32,
    import  UInt32,
    ref     String,
    a       UInt64,
    a_kind  LowCardinality(String),
    b       UInt64,
    b_kind  LowCardinality(String),
    at      DateTime64(3, 'UTC')
) engine = ReplacingMergeTree
order by (site, import, ref, a, b)
settings fsync_after_insert = 1, fsync_part_directory = 1;
