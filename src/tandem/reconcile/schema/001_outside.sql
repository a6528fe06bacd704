-- What outside systems say of a day, as loaded: one row a day, figure and part. A row counts while its load does
-- (outside_imports in the record store), for the days on which no later load of the same source tells of the same.
-- `source_id` is system and account; `share` is the part of the data that the system read, 1 where it read all.
create table if not exists outside_rows (
    site            UInt32,
    load            UInt64,
    source_id       LowCardinality(String),
    split           LowCardinality(String),
    figure          LowCardinality(String),
    on              Date,
    channel         LowCardinality(String),
    source          String,
    medium          LowCardinality(String),
    campaign        String,
    value           Decimal(18, 4),
    original_value  Decimal(18, 4),
    currency        LowCardinality(String),
    share           Float64,
    is_thresholded  UInt8,
    is_other        UInt8
) engine = MergeTree
partition by toYYYYMM(on)
order by (site, source_id, figure, on, load)
settings non_replicated_deduplication_window = 1000;
