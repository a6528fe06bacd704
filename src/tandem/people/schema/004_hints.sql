-- What somebody claimed of a browser and nobody proved: it joins nobody, counts for nothing, and goes after 90 days. The value lies
-- sealed beside it, so that a stranger's claims fill no other store.
create table if not exists identity_hints (
    site     UInt32,
    visitor  UInt64 codec(NONE),
    node     UInt64 codec(NONE),
    kind     LowCardinality(String),
    sealed   String codec(ZSTD),
    why      LowCardinality(String),
    at       DateTime64(3, 'UTC') codec(Delta, ZSTD),
    made     DateTime default now() codec(Delta, ZSTD)  -- by our clock: what a sender dates back counts today
) engine = ReplacingMergeTree
order by (site, visitor, node)
ttl made + interval 90 day
settings non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
