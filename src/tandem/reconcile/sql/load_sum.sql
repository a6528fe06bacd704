-- answers: How many rows does a load hold, and what do they add up to?
-- grain: one row
-- reads: outside_rows
select count() as rows, sum(value) as value
from outside_rows
where site = {site:UInt32} and load = {load:UInt64}
