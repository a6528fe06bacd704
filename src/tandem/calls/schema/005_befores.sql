-- What the import of a file replaced: calls as they stood before, so that the import can be undone. `wrote` is the version
-- that the import gave to a call, `own` its caller by the file; `version` is 0 for a call that nobody knew before.
create table if not exists call_befores (
    site        UInt32,
    import      UInt32,
    call        UInt64,
    wrote       UInt64,
    own         UInt64,
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
) engine = ReplacingMergeTree(wrote)
order by (site, import, call)
settings fsync_after_insert = 1, fsync_part_directory = 1;
