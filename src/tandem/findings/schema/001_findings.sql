-- The findings of each site, as the metrics of the catalogue read them: written down whole by a job, one row a site, so
-- that readers never see half of them. Few rows: they lie whole on every node. `digest` is one number for all that the
-- lists hold, in the order of the findings' ids.
create table if not exists finding_sets (
    site     UInt32,
    version  UInt64,
    digest   UInt64,
    at       Array(DateTime64(3, 'UTC')),
    slice    Array(String),
    rule     Array(String),
    severity Array(String),
    side     Array(String),
    state    Array(String)
) engine = ReplacingMergeTree(version)
order by site;

-- One row a finding, at the moment it was first seen. `slice` is the area whose check failed, `side` whose it is to mend,
-- `state` what has become of it by now: open, explained, ignored or fixed.
create or replace view findings as
select site, at, slice, rule, severity, side, state
from finding_sets final
array join at, slice, rule, severity, side, state;
