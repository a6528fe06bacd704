-- The public face of this slice.

-- One row a lead or deal; `at` is when it was created. A record with a `parent` was made from a lead, which stands here too.
-- `is_qualified`: it is, or once was, in a stage that means qualified or won. `won_at` is 1970 while it is not won.
create or replace view deals as
select
    d.site as site, d.at as at, d.deal as deal, d.system as system, d.connection as connection, d.ref as ref,
    d.kind as kind, d.parent as parent, d.stage as stage, d.stage_kind as stage_kind, d.pipeline as pipeline,
    d.stage_kind in ('qualified', 'won') or s.was_qualified > 0 as is_qualified,
    s.first_moved as first_moved, s.last_moved as last_moved,
    if(d.stage_kind != 'won', toDateTime64(0, 3, 'UTC'), if(d.closed > toDateTime64(0, 3, 'UTC'), d.closed, s.first_won))
        as won_at,
    d.updated as updated, d.closed as closed, d.amount as amount, d.refunded as refunded, d.cost as cost,
    d.original_amount as original_amount, d.currency as currency, d.source_text as source_text,
    d.visitor as told_visitor, o.visitor as visitor, d.node as node, d.phone as phone, d.email as email,
    person_of(d.site, d.node) as person, d.responsible as responsible, d.lost_reason as lost_reason, o.visit as visit,
    if(o.channel = '', 'Unassigned', o.channel) as channel, o.source as source, o.medium as medium,
    o.campaign as campaign, o.term as term, o.content as content, o.entry as entry, o.how as how
from (select * from deal_rows final where is_deleted = 0) as d
left join (select * from deal_origins final) as o on d.site = o.site and d.deal = o.deal
left join (
    select
        site, deal, countIf(stage_kind in ('qualified', 'won')) as was_qualified,
        minIf(at, stage_kind = 'won') as first_won, max(at) as last_moved,
        arraySort(groupArray((at, stage))) as seen,
        tupleElement(arrayFirst(x -> x.2 != seen[1].2, seen), 1) as first_moved
    from deal_snapshots final
    group by site, deal
) as s on d.site = s.site and d.deal = s.deal;

-- One row each time that a record came into another stage; `was` is the stage before, '' for the first one.
create or replace view deals_moved as
select
    m.site as site, m.at as at, m.deal as deal, m.stage as stage, m.stage_kind as stage_kind, m.was as was,
    d.kind as kind, d.pipeline as pipeline, d.amount as amount, d.refunded as refunded, d.cost as cost,
    d.person as person, d.visitor as visitor, d.channel as channel, d.source as source, d.medium as medium,
    d.campaign as campaign, d.term as term, d.content as content, d.entry as entry, d.how as how,
    d.responsible as responsible, d.parent as parent, d.system as system
from (
    select
        site, deal, at, stage, stage_kind, row_number() over steps as nth,
        lagInFrame(stage, 1, '') over steps as was
    from deal_snapshots final
    window steps as (
        partition by site, deal order by at, stage rows between unbounded preceding and unbounded following
    )
) as m
inner join deals as d on m.site = d.site and m.deal = d.deal
where m.stage != m.was or m.nth = 1;
