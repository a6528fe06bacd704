-- What was concluded since the large map was read: little enough for the small map to be read again with each batch.
create table if not exists person_news_rows (
    site     UInt32,
    node     UInt64 codec(NONE),
    person   UInt64 codec(NONE),
    version  UInt64 codec(Delta, ZSTD)
) engine = ReplacingMergeTree(version)
order by (site, node)
settings non_replicated_deduplication_window = 1000;

-- It also holds who is a person of their own now, and was another's before.
create or replace dictionary person_news (key UInt64, person UInt64)
primary key key
source(clickhouse(query 'select bitXor(node, intHash64(site)) as key, argMax(person, version) as person from person_news_rows group by site, node'))
layout(hashed())
lifetime(0);

-- It was read from all conclusions before, by these.
drop table if exists person_cuts;

alter table person_rows /* whole */ drop index if exists newer;
