-- Who gets the credit for each conversion that the site's figures rest on, as the metrics of the catalogue read it: the equal
-- split among the channels of its journey (the Shapley value), written down month by month by a job. Few rows: they lie whole
-- on every node. `nth` counts the rows of a month, so that a month written anew replaces itself.
create table if not exists credit_rows (
    site          UInt32,
    month         Date,
    nth           UInt32,
    version       UInt64,
    at            DateTime64(3, 'UTC'),
    channel       LowCardinality(String),
    credit        Float64,
    squares       Float64,
    worth         Float64,
    worth_squares Float64,
    whole_worth   Float64
) engine = ReplacingMergeTree(version)
partition by toYYYYMM(month)
order by (site, month, nth);

-- Which version of a month is the whole one, and of which visits and conversions it was made (`state`).
create table if not exists credit_months (
    site    UInt32,
    month   Date,
    version UInt64,
    state   UInt64
) engine = ReplacingMergeTree(version)
order by (site, month);

-- One row a conversion and channel of its journey. `credit` and `worth` are its part of the conversion and of the money, the
-- squares what their ranges rest on, `whole_worth` the money of the whole conversion.
create or replace view credits as
select
    c.site as site, c.at as at, c.channel as channel, c.credit as credit, c.squares as squares, c.worth as worth,
    c.worth_squares as worth_squares, c.whole_worth as whole_worth
from credit_rows as c
inner join (select site, month, max(version) as newest from credit_months group by site, month) as m
    on c.site = m.site and c.month = m.month
where c.version = m.newest;
