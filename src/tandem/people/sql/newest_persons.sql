-- answers: Whom did we get to know last: persons with a phone, an e-mail, a login or a record of the CRM?
-- grain: one row per person
-- reads: identity_links, persons
select
    person, max(seen) as last_at, groupUniqArray(20)((kind, node)) as identifiers,
    countIf(kind = 'visitor') as browsers
from (select person, node, kind from persons where site = {site:UInt32} and not is_shared) as p
inner join (
    select node, max(at) as seen
    from (
        select a as node, at from identity_links where site = {site:UInt32}
        union all
        select b as node, at from identity_links where site = {site:UInt32}
    )
    group by node
    order by seen desc
    limit 2000
) as s using (node)
group by person
order by last_at desc, person
limit {most:UInt32}
