-- Conversions that happen off the site, in the shape of `conversion_facts`. They are few and lie whole on every node, so they
-- stand apart from what is sharded: united with it in one view, a cluster would count them once a shard.
create or replace view outside_facts as
select
    site, person_of(site, if(visitor != 0, visitor, caller)) as person, visitor, at, 'calls' as kind, '' as key,
    toUInt32(1) as weight, toDecimal64(0, 4) as amount, '' as bot
from calls_heard;
