-- Evidence: which identifiers were seen to belong together. Only keyed hashes; the values lie sealed in the record store.
-- Keys are random bits: packing them would only cost time.
create table if not exists identity_links (
    site    UInt32,
    a       UInt64 codec(NONE),
    a_kind  LowCardinality(String),
    b       UInt64 codec(NONE),
    b_kind  LowCardinality(String),
    source  LowCardinality(String),
    ref     String codec(ZSTD),
    at      DateTime64(3, 'UTC') codec(Delta, ZSTD)
) engine = ReplacingMergeTree
order by (site, a, b, source, ref)
settings non_replicated_deduplication_window = 1000;

-- The conclusion: each identifier that was ever linked, with its person today. The newest version counts.
create table if not exists person_rows (
    site       UInt32,
    node       UInt64 codec(NONE),
    kind       LowCardinality(String),
    person     UInt64 codec(NONE),
    is_shared  UInt8,
    version    UInt64 codec(Delta, ZSTD)
) engine = ReplacingMergeTree(version)
order by (site, node)
settings non_replicated_deduplication_window = 1000;

-- The history: when an identifier went from one person to another.
create table if not exists person_moves (
    site  UInt32,
    node  UInt64,
    kind  LowCardinality(String),
    at    DateTime64(3, 'UTC'),
    was   UInt64,
    now   UInt64
) engine = MergeTree
order by (site, node, at)
settings non_replicated_deduplication_window = 1000;

create or replace view persons as
select site, node, kind, person, is_shared from person_rows final;

-- A flat map for all sites, the site mixed into the key. It holds persons only where they differ from the identifier.
create dictionary if not exists person_map (key UInt64, person UInt64)
primary key key
source(clickhouse(query 'select bitXor(node, intHash64(site)) as key, argMax(person, version) as person from person_rows group by site, node having person != node'))
layout(hashed())
lifetime(0);

-- The person behind a browser or another identifier; who was never linked is a person of their own.
create or replace function person_of as (site, node) -> dictGetOrDefault(
    'person_news', 'person', bitXor(node, intHash64(site)),
    dictGetOrDefault('person_map', 'person', bitXor(node, intHash64(site)), node)
);
