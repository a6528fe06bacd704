-- answers: Which persons are made of so many identifiers that they deserve a look?
-- grain: one row per person
-- reads: persons
select person, count() as identifiers, countIf(kind = 'visitor') as browsers, countIf(kind = 'phone') as phones,
    countIf(kind = 'email') as emails, countIf(kind = 'crm') as records
from persons
where site = {site:UInt32}
group by person
having phones > 6 or emails > 6 or records > 6 or browsers > 60
order by identifiers desc, person
limit 100
