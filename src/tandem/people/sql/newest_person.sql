-- answers: What is the newest version of what was concluded of a site's identifiers?
-- grain: one number
-- reads: person_rows
select max(version) from person_rows where site = {site:UInt32}
