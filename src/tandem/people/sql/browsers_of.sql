-- answers: Which browsers belong to the persons of these identifiers, and what says so?
-- grain: one row per identifier and browser
-- reads: identity_links, persons
select c.node as node, p.node as browser, l.sources as sources
from (
    select node, person from persons where site = {site:UInt32} and node in {nodes:Array(UInt64)} and not is_shared
) as c
inner join (
    select node, person from persons where site = {site:UInt32} and kind = 'visitor' and not is_shared
) as p on p.person = c.person
left join (
    select
        if(a in {nodes:Array(UInt64)}, a, b) as node, if(a in {nodes:Array(UInt64)}, b, a) as browser,
        groupUniqArray(toString(source)) as sources
    from identity_links
    where site = {site:UInt32} and (a in {nodes:Array(UInt64)} or b in {nodes:Array(UInt64)})
    group by node, browser
) as l on l.node = c.node and l.browser = p.node
